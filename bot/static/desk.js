/* The desk, live: a pulse says that something has changed, then the part that shows it is fetched again. */
(() => {
  const POLL_MS = 10000;
  const TYPING_MS = 3000;
  const TYPING_SHOWN_MS = 6000;
  const RETRY_MS = 3000;
  const root = document.querySelector('[data-desk]');
  const chat = root.dataset.chat;
  const live = document.getElementById('sb_live');
  const list = document.getElementById('sb_queue');
  const scroll = document.getElementById('sb_scroll');
  const messages = document.getElementById('sb_messages');
  const title = document.title.replace(/^\(\d+\) /, '');
  const typing = document.getElementById('sb_typing');
  let typingTimer = null;
  let pulse = null;

  // One fetch of a kind at a time; when more is asked for meanwhile, once again after it.
  const single = (work) => {
    let running = false;
    let again = false;
    return async () => {
      if (running) return void (again = true);
      running = true;
      try {
        do {
          again = false;
          await work();
        } while (again);
      } finally {
        running = false;
      }
    };
  };

  const get = async (url) => {
    const answer = await fetch(url, { headers: { 'HX-Request': 'true', Accept: 'text/html' } });
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    return answer.text();
  };

  const lastShown = () => Number(messages?.lastElementChild?.dataset.sequence ?? 0);
  const atBottom = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 120;
  const toBottom = () => (scroll.scrollTop = scroll.scrollHeight);

  // Whoever reads the newest message goes on reading it when the room for it changes, as when the reply box appears.
  // Only scrolling up leaves it: a box or a message that has just come is below the end for a moment.
  let end = true;
  if (chat) {
    let top = 0;
    scroll.addEventListener('scroll', () => {
      end = atBottom() || (end && scroll.scrollTop >= top);
      top = scroll.scrollTop;
    });
    new ResizeObserver(() => end && toBottom()).observe(scroll);
  }

  const barIsOld = () => Number(document.querySelector('#sb_state .bar').dataset.ownerVersion) !== pulse.owner_version;

  const showTyping = (on) => {
    clearTimeout(typingTimer);
    typing.hidden = !on;
    if (on && end) toBottom();
    if (on) typingTimer = setTimeout(() => showTyping(false), TYPING_SHOWN_MS);
  };

  const refreshQueue = single(async () => {
    const text = await get(`/desk/queue?chat=${chat}`);
    await htmx.swap({ text, target: list, swap: 'innerMorph', sourceElement: list });
  });
  const refreshState = single(async () => {
    const text = await get(`/desk/chats/${chat}/state${document.hidden ? '' : '?seen=1'}`);
    // The answer to what the agent did brought it meanwhile: a second time would close what they have opened since.
    if (!barIsOld()) return;
    await htmx.swap({ text, target: list, swap: 'none', sourceElement: list });
  });
  const refreshMessages = single(async () => {
    const text = await get(`/desk/chats/${chat}/messages?after=${lastShown()}`);
    await htmx.swap({ text, target: messages, swap: 'beforeend', sourceElement: messages });
    if (messages.lastElementChild?.matches('.customer')) showTyping(false);
    if (end) toBottom();
  });

  // Another tab, or the desk itself, may have changed it.
  const tellPresence = (state) => {
    const form = document.getElementById('sb_presence');
    if (form.dataset.state === state || form.matches('.htmx-request')) return;
    form.dataset.state = state;
    document.getElementById('sb_my_state').value = state;
  };

  const apply = () => {
    if (!pulse) return;
    document.title = (pulse.waiting ? `(${pulse.waiting}) ` : '') + title;
    tellPresence(pulse.state);
    const work = [];
    if (document.getElementById('sb_board').dataset.fingerprint !== pulse.queue) work.push(refreshQueue());
    if (chat) {
      if (barIsOld()) work.push(refreshState());
      if (lastShown() < pulse.latest) work.push(refreshMessages());
    }
    Promise.all(work).catch(() => setTimeout(apply, RETRY_MS));
  };

  const tell = (state, text) => {
    live.dataset.state = state;
    if (live.textContent !== text) live.textContent = text;
  };

  let source = null;
  let poll = null;
  const signedOut = () => {
    source?.close();
    clearInterval(poll);
    tell('off', 'Signed out');
    switchboard.show('You are signed out. Sign in again in another tab, then reload this one; what you typed stays.');
  };

  const connect = () => {
    source = new EventSource(`/desk/events?chat=${chat}`);
    source.addEventListener('open', () => tell('on', 'Live'));
    source.addEventListener('pulse', (event) => {
      pulse = JSON.parse(event.data);
      apply();
    });
    source.addEventListener('typing', () => showTyping(true));
    source.addEventListener('signed_out', signedOut);
    source.addEventListener('error', () => {
      tell('off', 'Reconnecting …');
      // A refused stream is not tried again by the browser.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => document.hidden || connect(), RETRY_MS);
    });
  };

  const look = async () => {
    try {
      const answer = await fetch(`/desk/pulse?chat=${chat}`, { headers: { Accept: 'application/json' } });
      if (answer.status === 401) return signedOut();
      if (!answer.ok) return;
      pulse = await answer.json();
      apply();
    } catch {
      tell('off', 'Reconnecting …');
    }
  };

  // A browser opens six connections to us at most: pages in the background must not hold them all.
  const follow = () => {
    clearInterval(poll);
    source?.close();
    if (document.hidden) poll = setInterval(look, POLL_MS);
    else connect();
  };
  document.addEventListener('visibilitychange', follow);
  follow();

  if (!chat) return;

  // Where there is little room, the transcript comes first.
  if (matchMedia('(max-width: 1149px)').matches) document.getElementById('sb_facts_box').open = false;

  const form = document.getElementById('sb_reply');
  const box = document.getElementById('sb_text');
  const key = `switchboard:reply:${chat}`;
  let sending = null;

  const keep = () => {
    if (box.value) sessionStorage.setItem(key, box.value);
    else sessionStorage.removeItem(key);
  };

  box.value ||= sessionStorage.getItem(key) ?? '';
  box.addEventListener('input', keep);
  let told = 0;
  box.addEventListener('input', () => {
    // The customer's page shows the dots for some seconds: no need to say it at every key.
    if (!box.value || Date.now() - told < TYPING_MS) return;
    told = Date.now();
    fetch(`/desk/chats/${chat}/typing`, { method: 'POST' }).catch(() => {});
  });
  box.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener('htmx:before:request', () => (sending = box.value));
  form.addEventListener('htmx:finally:request', (event) => {
    const answer = event.detail.ctx.response;
    if (!answer || answer.status >= 300 || sending === null) return;
    // What was typed while it was under way stays.
    box.value = box.value.startsWith(sending) ? box.value.slice(sending.length) : box.value;
    sending = null;
    told = 0;
    keep();
  });
  document.addEventListener('htmx:after:swap', (event) => {
    if (event.target.closest?.('form')?.method !== 'post') return;
    refreshMessages().then(toBottom, () => {});
  });
  document.addEventListener('htmx:finally:request', (event) => {
    if (event.detail.ctx.request.action.endsWith('/claim') && event.detail.ctx.response?.status === 200) box.focus();
  });

  toBottom();
})();
