function socket(base, { up, frame, down }) {
  const url = new URL('channel/socket', base);
  url.protocol = url.protocol.replace('http', 'ws');
  const ws = new WebSocket(url);
  ws.onopen = up;
  ws.onmessage = ({ data }) => frame(JSON.parse(data));
  ws.onclose = ({ code }) => down(code);
  return {
    send: (message) => ws.readyState === 1 && ws.send(JSON.stringify(message)),
    close: () => ws.close(),
  };
}

function poll(base, { up, frame, down, token, cursor }) {
  let wait = new AbortController();
  let line = Promise.resolve();

  async function call(query, body, signal) {
    const answer = await fetch(new URL(`channel/frames${query}`, base), {
      method: body ? 'POST' : 'GET',
      headers: token() ? { Authorization: `Bearer ${token()}` } : {},
      credentials: 'omit',
      body,
      signal,
    });
    const { frames } = await answer.json();
    [...frames, {}].forEach(frame);
    if (frames.some(({ type }) => type === 'welcome')) listen(wait = new AbortController());
  }

  async function listen({ signal }) {
    try {
      while (!signal.aborted) {
        await call(`?cursor=${cursor()}&wait=25`, undefined, signal);
        await new Promise((go) => setTimeout(go, 200));
      }
    } catch {
      if (!signal.aborted) down();
    }
  }

  queueMicrotask(up);
  return {
    send(message) {
      if (message.type === 'hello') wait.abort();
      line = line.then(() => call('', JSON.stringify(message))).catch(down);
    },
    close: () => wait.abort(),
  };
}

class Link {
  failed = 0;
  tries = 0;
  over = new AbortController();

  constructor(base, hooks) {
    Object.assign(this, { base, hooks });
    addEventListener('online', () => this.wake(), this.over);
    addEventListener('offline', () => this.drop(), this.over);
    document.addEventListener('visibilitychange', () => this.wake(), this.over);
    this.attempt();
  }

  attempt() {
    let mine;
    const current = (act) => (value) => mine === this.transport && act(value);
    this.settled = false;
    this.expect(7000);
    mine = this.transport = (this.failed < 2 ? socket : poll)(this.base, {
      ...this.hooks,
      up: current(this.hooks.up),
      down: current((code) => this.drop(code)),
      frame: current((frame) => {
        if (this.settled) this.expect(this.silence);
        this.hooks.frame(frame);
      }),
    });
  }

  settle(seconds) {
    this.silence = seconds * 1000 + 30000;
    this.settled = true;
    this.tries = 0;
    if (this.failed < 2) this.failed = 0;
    this.expect(this.silence);
  }

  expect(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.drop(), ms);
  }

  send(frame) {
    this.transport?.send(frame);
  }

  wake() {
    if (document.visibilityState === 'hidden') return;
    if (this.transport && this.settled) {
      this.send({ type: 'ping' });
      this.expect(4000);
    } else {
      this.failed = 0;
      this.transport?.close();
      this.attempt();
    }
  }

  drop(code) {
    if (!this.transport) return;
    this.transport.close();
    this.transport = null;
    if (this.failed > 1) this.failed = 0;
    else if (!this.settled) this.failed += 1;
    clearTimeout(this.timer);
    const most = this.failed > 1 ? 0 : Math.min(30000, 1000 * 2 ** this.tries++);
    this.timer = setTimeout(() => this.attempt(), most * (0.5 + Math.random() / 2));
    this.hooks.down(code);
  }

  stop() {
    this.over.abort();
    clearTimeout(this.timer);
    this.transport?.close();
    this.transport = null;
  }
}

export function openStore(prefix, area) {
  let kept = {};
  try {
    kept = area();
  } catch { /* forbidden */ }
  return {
    get(key) {
      try {
        return JSON.parse(kept[prefix + key]);
      } catch { /* not ours */ }
    },
    set(key, value) {
      const entry = { [prefix + key]: JSON.stringify(value) };
      try {
        Object.assign(kept, entry);
      } catch {
        kept = { ...kept, ...entry };
      }
    },
    remove: (key) => delete kept[prefix + key],
    keys: (start) => Object.keys(kept)
      .filter((key) => key.startsWith(prefix + start))
      .map((key) => key.slice(prefix.length)),
  };
}

export class Session {
  cursor = 0;
  round = 0;
  acked = new Set();
  failed = new Set();
  typed = 0;

  constructor(base, store, locale, on) {
    Object.assign(this, { base, store, locale, on });
  }

  connect() {
    this.link ??= new Link(this.base, {
      up: () => {
        this.greeting = false;
        this.greet();
      },
      frame: (frame) => this.take(frame),
      down: (code) => this.down(code),
      token: () => this.token,
      cursor: () => this.cursor,
    });
  }

  stop() {
    this.link?.stop();
    this.link = this.token = null;
    this.cursor = 0;
    this.down();
  }

  down(code) {
    this.round += 1;
    this.greeted = this.greeting = this.again = false;
    this.release?.();
    this.free();
    if (code === 4403) this.error({ code: 'origin_refused' });
    else this.on.state('reconnecting');
  }

  async greet() {
    if (this.greeting) return void (this.again = true);
    const round = this.round += 1;
    this.greeted = false;
    this.release?.();
    if (!this.store.get('token')) {
      const release = await this.turn();
      if (round !== this.round) return release();
      this.release = release;
    }
    this.token = this.store.get('token');
    this.asked = this.cursor;
    this.greeting = true;
    const page = location.origin + location.pathname;
    const { token, identity, cursor, locale, trouble } = this;
    this.link.send({ type: 'hello', protocol: 1, token, identity, cursor, locale, page, trouble });
  }

  turn() {
    return new Promise((go) => {
      const hold = () => new Promise(go);
      if (navigator.locks) navigator.locks.request('switchboard', hold).catch(hold);
      else hold();
    });
  }

  anew() {
    this.cursor = 0;
    if (this.link) this.greet();
    else this.connect();
  }

  moved(wanted) {
    const token = this.store.get('token');
    if (token ? token !== this.token : wanted) this.anew();
    else if (!token) {
      this.stop();
      this.on.reset();
    }
  }

  take(frame) {
    const { type } = frame;
    if (['welcome', 'message', 'ack', 'heartbeat', 'error'].includes(type)) this[type](frame);
    else if (['owner', 'typing', 'queue'].includes(type)) this.on[type](frame);
  }

  welcome(frame) {
    const { token, conversation, latest, customer, heartbeat_s: seconds } = frame;
    const { again } = this;
    this.greeting = this.again = false;
    if (token && !(again && this.store.get('token'))) this.store.set('token', this.token = token);
    this.release?.();
    if (again || (this.asked && this.conversation !== conversation)) return this.anew();
    Object.assign(this, { conversation, latest, greeted: true, trouble: undefined });
    this.link.settle(seconds);
    this.jump = latest > this.cursor;
    if (customer.identified) this.identity = undefined;
    if (!this.asked) {
      this.acked.clear();
      this.on.reset();
    }
    this.on.state('online');
    this.on.welcome(frame);
    this.failed.clear();
    this.show();
    setTimeout(() => this.pump(), token && !navigator.locks ? 100 : 0);
  }

  message(frame) {
    const { sequence } = frame;
    if (!this.greeted) return;
    this.settle(frame);
    if (sequence <= this.cursor) return;
    if (sequence > this.cursor + 1 && !this.jump) return this.greet();
    this.jump = false;
    this.cursor = sequence;
    this.on.message(frame, sequence > this.latest);
    this.advance();
  }

  ack(frame) {
    this.acked.add(frame.sequence);
    this.advance();
    this.on.sent(frame);
    this.settle(frame);
  }

  advance() {
    while (this.acked.delete(this.cursor + 1)) this.cursor += 1;
  }

  heartbeat({ latest }) {
    if (this.greeted && !this.inflight && latest > this.cursor) this.greet();
  }

  error(frame) {
    const { code, retry_after_s: seconds = 3, client_id: id } = frame;
    this.on.error(frame);
    if (id === 'email') return;
    if (!this.greeted) this.greeting = false;
    if (code.startsWith('token_')) {
      if (this.store.get('token') === this.token) this.store.remove('token');
      this.anew();
    } else if (code.startsWith('identity_')) {
      this.identity = undefined;
      if (!this.greeted) this.greet();
    } else if (code === 'origin_refused') {
      this.link.stop();
      this.on.state('refused');
    } else if (code === 'rate_limited' || code === 'unavailable') this.pause(seconds);
    else if (code === 'not_greeted') this.greet();
    else if (id && id === this.inflight?.client_id) this.refuse();
  }

  pause(seconds) {
    if (this.paused) return;
    this.paused = true;
    clearTimeout(this.timer);
    this.link.expect(seconds * 1000 + 9000);
    let left = Math.ceil(seconds);
    const tick = () => {
      if (left > 0 && this.inflight) this.on.pending(this.inflight, 'wait', left);
      left -= 1;
      if (left >= 0) return setTimeout(tick, 1000);
      this.paused = false;
      this.inflight = null;
      if (this.greeted) this.pump();
      else if (this.link) this.greet();
    };
    tick();
  }

  outbox() {
    return this.store.keys('out:').map((key) => this.store.get(key)).filter(Boolean).sort((a, b) => a.at - b.at);
  }

  show() {
    this.outbox().forEach((entry) => this.on.pending(entry, 'sending'));
  }

  send(text, vote) {
    const id = crypto.getRandomValues(new Uint32Array(4)).join('-');
    this.retry({ client_id: id, text, vote, at: Date.now() });
  }

  retry(entry) {
    this.failed.delete(entry.client_id);
    this.store.set(`out:${entry.client_id}`, entry);
    this.on.pending(entry, 'sending');
    this.connect();
    this.pump();
  }

  pump() {
    if (!this.greeted || this.inflight || this.paused) return;
    if (this.token !== (this.store.get('token') ?? this.token)) return this.anew();
    const entry = this.outbox().find((one) => !this.failed.has(one.client_id));
    if (!entry) return;
    const { client_id, text, vote } = this.inflight = entry;
    this.on.pending(entry, 'sending');
    this.link.send({ type: 'message', client_id, text, vote });
    this.timer = setTimeout(() => this.fail(entry), 10000);
  }

  fail(entry) {
    this.failed.add(entry.client_id);
    this.on.pending(entry, 'failed');
    this.free();
    this.pump();
  }

  refuse() {
    this.store.remove(`out:${this.inflight.client_id}`);
    this.fail(this.inflight);
  }

  settle({ client_id: id }) {
    this.store.remove(`out:${id}`);
    if (!id || this.inflight?.client_id !== id) return;
    this.free();
    this.pump();
  }

  free() {
    clearTimeout(this.timer);
    this.inflight = null;
  }

  typing() {
    if (!this.greeted || Date.now() - this.typed < 3000) return;
    this.typed = Date.now();
    this.link.send({ type: 'typing' });
  }

  email(email) {
    if (this.greeted) this.link.send({ type: 'email_me', email, client_id: 'email' });
    else this.on.error({ client_id: 'email' });
  }

  report(trouble) {
    if (this.greeted) this.link.send({ type: 'trouble', trouble });
    else this.trouble = trouble;
  }

  read() {
    if (this.greeted) this.link.send({ type: 'read', sequence: this.cursor });
  }
}
