/* A line to the server that is kept up: a WebSocket, or HTTP where two in a row did not open. */
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
  let line = Promise.resolve(); // keeps the order

  async function call(query, body, signal) {
    const answer = await fetch(new URL(`channel/frames${query}`, base), {
      method: body ? 'POST' : 'GET',
      headers: { 'Content-Type': 'application/json', ...(token() && { Authorization: `Bearer ${token()}` }) },
      credentials: 'omit',
      body,
      signal,
    });
    const { frames } = await answer.json();
    [...frames, {}].forEach(frame); // even none is a sign of life
    if (frames.some(({ type }) => type === 'welcome')) listen(wait = new AbortController());
  }

  async function listen({ signal }) {
    try {
      while (!signal.aborted) {
        await call(`?cursor=${cursor()}&wait=25`, undefined, signal);
        await new Promise((go) => setTimeout(go, 200)); // never a tight loop
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

export class Link {
  failed = 0; // sockets without a welcome
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
    // HTTP failed too: sockets get their turn again
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
