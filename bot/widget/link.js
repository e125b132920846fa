/* A line to the server that is kept up: a WebSocket, or HTTP where two sockets in a row did not open. */
const OPEN_MS = 7000;
const PROBE_MS = 4000;
const SLOWEST_MS = 30000;

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
  let post = new AbortController();
  let wait = post; // the long poll under way
  let line = Promise.resolve(); // posts keep their order

  async function call(query, { signal }, body) {
    const answer = await fetch(new URL(`channel/frames${query}`, base), {
      method: body ? 'POST' : 'GET',
      headers: { 'Content-Type': 'application/json', ...(token() && { Authorization: `Bearer ${token()}` }) },
      credentials: 'omit',
      body,
      signal,
    });
    const { frames } = await answer.json();
    if (!signal.aborted) [...frames, {}].forEach(frame); // an empty answer is a sign of life too
    return frames;
  }

  async function listen(stop) {
    while (!stop.signal.aborted) {
      const frames = await call(`?cursor=${cursor()}&wait=25`, stop);
      // A server that answers at once with nothing new must not be asked in a tight loop.
      const pause = frames.some(({ type }) => type === 'message') ? 0 : frames[0]?.retry_after_s ?? 0.2;
      await new Promise((go) => setTimeout(go, pause * 1000));
    }
  }

  queueMicrotask(up);
  return {
    send(message) {
      const guard = (stop) => () => stop.signal.aborted || down();
      if (message.type === 'hello' && wait !== post) wait.abort();
      line = line.then(() => call('', post, JSON.stringify(message))).then((frames) => {
        if (!frames.some(({ type }) => type === 'welcome')) return;
        wait = new AbortController();
        listen(wait).catch(guard(wait));
      }).catch(guard(post));
    },
    close() {
      post.abort();
      wait.abort();
    },
  };
}

/* hooks: up() when frames may be sent, frame(object), down(code); token() and cursor() are for the long poll. */
export class Link {
  failed = 0; // sockets in a row without a welcome
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
    this.expect(OPEN_MS);
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

  /* The server has said welcome; seconds between its heartbeats. */
  settle(seconds) {
    this.silence = Math.max(seconds * 2, 30) * 1000 + 5000; // a long poll is quiet for 25 s
    this.settled = true;
    this.tries = 0;
    if (this.failed < 2) this.failed = 0;
    this.expect(this.silence);
  }

  /* Something must come within this time. */
  expect(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.drop(), ms);
  }

  send(frame) {
    this.transport?.send(frame);
  }

  /* Someone looks, or the network is back: do not wait for the next turn. */
  wake() {
    if (document.visibilityState === 'hidden') return;
    if (this.transport && this.settled) {
      this.send({ type: 'ping' });
      this.expect(PROBE_MS);
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
    // When HTTP fails too it is the server that is away, and sockets get their turn again.
    if (this.failed > 1) this.failed = 0;
    else if (!this.settled) this.failed += 1;
    clearTimeout(this.timer);
    const most = this.failed > 1 ? 0 : Math.min(SLOWEST_MS, 1000 * 2 ** this.tries++);
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
