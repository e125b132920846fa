import { Session, openStore } from './session.js';
import { speak } from './strings.js';
import { View } from './view.js';

export function start(base, options, emit) {
  const speech = speak(options.locale || document.documentElement.lang || navigator.language, options.dir);
  const prefix = `switchboard:${base.host}${base.pathname}:`;
  const store = openStore(prefix, () => localStorage);
  const tab = openStore(prefix, () => sessionStorage);
  const over = new AbortController();
  let incoming = [];
  let read = 0;
  let held = {};
  let shown = 0;

  function count() {
    const unread = incoming.filter((sequence) => sequence > read).length;
    view.unread(unread);
    if (unread !== shown) emit('unread', shown = unread);
  }

  function seen() {
    if (view.open && document.visibilityState === 'visible' && session.cursor > read) {
      read = session.cursor;
      store.set('read', [session.conversation, read]);
      session.read();
    }
    count();
  }

  const view = new View(options, speech, base, {
    send: (text, vote) => session.send(text, vote),
    retry: (entry) => session.retry(entry),
    typing: () => session.typing(),
    email: (address) => session.email(address),
    toggle(open) {
      if (open) session.connect();
      tab.set('open', open);
      seen();
      emit(open ? 'open' : 'close');
    },
  });

  const session = new Session(base, store, speech.lang, {
    reset() {
      incoming = [];
      view.reset();
      count();
    },
    welcome(frame) {
      if (store.get('read')?.[0] !== frame.conversation) store.set('read', [frame.conversation, frame.latest]);
      [, read] = store.get('read');
      view.welcome(frame);
      this.owner(frame);
    },
    message(frame, live) {
      if (/bot|agent/.test(frame.author)) incoming.push(frame.sequence);
      view.message(frame, live);
      if (frame.sequence >= session.latest) view.busy(false);
      seen();
      if (live) emit('message', { ...frame });
    },
    owner({ owner, agent }) {
      if (owner === held.owner && agent?.name === held.agent?.name) return;
      held = { owner, agent };
      view.owner(held);
      emit('owner', held);
    },
    pending: (...entry) => view.pending(...entry),
    sent: (ack) => view.sent(ack),
    typing: (frame) => view.typing(frame),
    queue: (frame) => view.queue(frame),
    state: (state) => view.state(state),
    error(frame) {
      if (frame.client_id === 'email') view.refuse(frame.code);
      emit('error', frame);
    },
  });

  document.addEventListener('visibilitychange', seen, over);
  addEventListener('storage', ({ key }) => {
    if (key === `${prefix}read`) {
      [, read] = store.get('read') ?? [];
      count();
    } else if (key === `${prefix}token` || !key) session.moved(view.open);
  }, over);

  const app = {
    open(draft) {
      view.toggle(true);
      if (typeof draft === 'string') view.draft(draft);
    },
    close: () => view.toggle(false),
    trouble: (trouble) => session.report(trouble),
    identify(token) {
      session.identity = String(token);
      session.anew();
    },
    shutdown() {
      session.stop();
      over.abort();
      tab.remove('open');
      store.keys('').forEach(store.remove);
      view.host.remove();
      delete options.identity;
    },
  };

  session.show();
  if (options.identity) app.identify(options.identity);
  else if (store.get('token') || session.outbox().length) session.connect();
  if (tab.get('open') && innerWidth > 480) view.toggle(true, true);
  return app;
}
