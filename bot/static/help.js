/* On the help pages: what was searched for goes on in the chat, as a draft that the reader sends or not. */
(() => {
  // Before the widget's own script is there, calls are kept for it.
  const ask = (draft) => {
    if (window.Switchboard?.open) window.Switchboard.open(draft);
    else (window.Switchboard ||= []).push(['open', draft]);
  };
  document.documentElement.dataset.scripts = '';
  document.addEventListener('click', ({ target }) => {
    const button = target.closest?.('[data-ask]');
    if (button) ask(button.dataset.ask);
  });
})();
