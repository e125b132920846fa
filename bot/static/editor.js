/* The editor: what is not saved yet, the way out of an edit conflict, and Ctrl+S. */
(() => {
  const form = document.getElementById('sb_editor');
  const unsaved = document.getElementById('sb_unsaved');
  const fields = ['title', 'body', 'category', 'questions'].map((name) => form.elements[name]);
  const written = () => JSON.stringify(fields.map((field) => field.value));
  let saved = fields.map((field) => field.defaultValue);
  saved = JSON.stringify(saved) === written() ? written() : null; // a browser restores what was typed before a reload
  let sent = null;
  let busy = null;
  let leaving = false;

  const tell = () => {
    const text = written() === saved ? '' : 'Not saved yet';
    if (unsaved.textContent !== text) unsaved.textContent = text;
  };
  form.addEventListener('input', tell);
  tell();

  addEventListener('beforeunload', (event) => {
    if (!leaving && written() !== saved) event.preventDefault();
  });

  const ours = (ctx) => /\/(draft|publish)$/.test(ctx.request.action);
  document.addEventListener('htmx:before:request', (event) => {
    const { action } = event.detail.ctx.request;
    if (ours(event.detail.ctx)) {
      sent = written();
      busy = event.detail.ctx.request.submitter;
      // It may have waited for another one, which gave the article a new number: that one was ours, and no conflict.
      for (const name of ['revision', 'base_version']) event.detail.ctx.request.body.set(name, form.elements[name].value);
    }
    // A very long article takes half a minute: every sentence of it is made findable.
    if (/\/(publish|restore)$/.test(action)) unsaved.textContent = 'Publishing …';
    if (action.endsWith('/discard')) leaving = true;
  });
  document.addEventListener('htmx:finally:request', (event) => {
    const { ctx } = event.detail;
    const status = ctx.response?.status ?? 0;
    if (ctx.request.action.endsWith('/discard') && status >= 300) leaving = false;
    if (ours(ctx)) busy = null;
    if (ours(ctx) && status >= 200 && status < 300) saved = sent;
    tell();
  });

  // A double click publishes once.
  document.addEventListener('submit', (event) => {
    if (event.target !== form || !busy || busy !== event.submitter || written() !== sent) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);

  document.addEventListener('keydown', (event) => {
    if (event.key.toLowerCase() !== 's' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector('[value=draft]'));
  });

  // After a conflict: both texts are on the page, and the writer says which one goes on.
  document.addEventListener('click', (event) => {
    const choice = event.target.closest?.('[data-resolve]')?.dataset.resolve;
    if (!choice) return;
    const box = event.target.closest('.conflict');
    form.elements.revision.value = box.dataset.revision;
    form.elements.base_version.value = box.dataset.baseVersion;
    if (choice === 'theirs') {
      form.elements.body.value = document.getElementById('sb_their_body').value;
      for (const theirs of box.querySelectorAll('[data-their]')) form.elements[theirs.dataset.their].value = theirs.value;
      saved = written();
      document.getElementById('sb_preview').dispatchEvent(new Event('refresh'));
    }
    box.remove();
    tell();
    // The answer that brought this choice is here, whether or not its request has been put away.
    busy = null;
    if (choice === 'mine') form.requestSubmit(form.querySelector('[value=draft]'));
  });
})();
