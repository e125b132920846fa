/* On every page of agents and writers: notices, times in the reader's own zone, and lost connections. */
(() => {
  const GOOD_NEWS_MS = 8000;
  const notices = document.getElementById('sb_notices');

  const show = (text, look = 'bad') => {
    const box = document.createElement('div');
    const words = document.createElement('p');
    const button = document.createElement('button');
    box.className = `notice ${look}`;
    box.setAttribute('role', look === 'bad' ? 'alert' : 'status');
    words.textContent = text;
    Object.assign(button, { type: 'button', className: 'quiet', textContent: '✕' });
    button.dataset.dismiss = '';
    button.setAttribute('aria-label', 'Dismiss this message');
    box.append(words, button);
    notices.replaceChildren(box);
  };

  document.addEventListener('click', (event) => {
    event.target.closest?.('[data-dismiss]')?.closest('.notice').remove();
  });

  // Good news needs no answer.
  document.addEventListener('htmx:after:swap', () => {
    const good = notices.querySelector('.notice.good');
    if (good) setTimeout(() => good.remove(), GOOD_NEWS_MS);
  });

  const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
  const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
  const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

  const lasted = (since) => {
    const minutes = Math.max(0, Math.floor((Date.now() - new Date(since)) / 60000));
    if (minutes < 1) return '<1 min';
    if (minutes < 60) return `${minutes} min`;
    if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
    const days = Math.floor(minutes / 1440);
    return `${days} day${days > 1 ? 's' : ''}`;
  };

  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  const tellTimes = () => {
    for (const element of document.querySelectorAll('time[data-since]')) write(element, lasted(element.dataset.since));
    for (const element of document.querySelectorAll('time[data-clock]:not([title])')) {
      const at = new Date(element.dateTime);
      element.title = full.format(at);
      write(element, (at.toDateString() === new Date().toDateString() ? clock : day).format(at));
    }
    for (const element of document.querySelectorAll('time[data-date]:not([title])')) {
      const at = new Date(element.dateTime);
      element.title = full.format(at);
      write(element, (element.dataset.date === 'day' ? date : full).format(at));
    }
  };
  // A code such as “de-AT” is for machines.
  const languages = new Intl.DisplayNames('en', { type: 'language' });
  const tellLanguages = () => {
    for (const element of document.querySelectorAll('[data-language]:not([title])')) {
      element.title = element.textContent;
      try {
        write(element, languages.of(element.textContent));
      } catch { /* not a code: it stays as it is */ }
    }
  };

  tellLanguages();
  document.addEventListener('htmx:after:swap', tellLanguages);
  tellTimes();
  setInterval(tellTimes, 15000);
  document.addEventListener('htmx:after:swap', tellTimes);

  // What opens over the page closes as people expect it to.
  const popup = () => document.querySelector('details[data-popup][open]');
  document.addEventListener('keydown', (event) => {
    const open = event.key === 'Escape' && popup();
    if (!open) return;
    open.open = false;
    open.querySelector('summary').focus();
  });
  document.addEventListener('click', (event) => {
    const open = popup();
    if (open && !open.contains(event.target)) open.open = false;
  });

  // What is looked for stands in the address, so that going back comes back to it.
  document.addEventListener('htmx:after:swap', (event) => {
    const ctx = event.detail?.ctx;
    if (ctx?.sourceElement?.matches('[data-address]')) history.replaceState(null, '', ctx.request.action);
  });

  // What went wrong before is no news any more once something went right.
  document.addEventListener('htmx:after:request', (event) => {
    const { request, response, sourceElement } = event.detail.ctx;
    if (request.method === 'POST' && response.status < 300 && !sourceElement.matches('[data-background]')) {
      notices.querySelector('.notice.bad')?.remove();
    }
  });

  // A browser takes a space for something written.
  document.addEventListener('input', ({ target }) => {
    if (!target.matches?.(':is(textarea, input:not([type]))[required]')) return;
    target.setCustomValidity(target.value && !target.value.trim() ? 'Please write something here.' : '');
  });

  // What somebody did on purpose must not fail in silence; what the page does by itself is tried again.
  document.addEventListener('htmx:error', (event) => {
    if (event.detail.ctx?.request?.method !== 'POST' || event.detail.ctx.sourceElement.matches('[data-background]')) return;
    show('That did not reach us: the connection is interrupted. Nothing you typed is lost; please try again.');
  });

  window.switchboard = { show, tellTimes };
})();
