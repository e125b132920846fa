(() => {
  const script = document.currentScript;
  const early = window.Switchboard;
  if (!script || early?.open) return;

  const base = new URL('.', script.src);
  const options = { ...script.dataset };
  const listeners = {};
  const queue = [];
  let start;
  let app;

  const emit = (event, detail) => listeners[event]?.forEach((fn) => {
    try {
      fn(detail);
    } catch (error) {
      reportError(error);
    }
  });

  const run = (name, args) => {
    if (!start) queue.push([name, args]);
    else if (app || name !== 'shutdown') {
      app ??= start(base, options, emit);
      app[name](...args);
      if (name === 'shutdown') app = null;
    }
  };

  const api = {
    on(event, fn) {
      (listeners[event] ??= new Set()).add(fn);
      if (event === 'ready' && app) queueMicrotask(fn);
      return () => listeners[event].delete(fn);
    },
  };
  for (const name of ['open', 'close', 'identify', 'trouble', 'shutdown']) api[name] = (...args) => run(name, args);
  window.Switchboard = Object.freeze(api);
  if (Array.isArray(early)) early.forEach(([name, ...args]) => api[name]?.(...args));

  const body = new Promise((go) => document.body ? go() : addEventListener('DOMContentLoaded', go));
  Promise.all([import(new URL('widget/main.js', base)), body]).then(([main]) => {
    start = main.start;
    app = start(base, options, emit);
    emit('ready');
    queue.forEach((call) => run(...call));
  }).catch((error) => {
    console.warn('Switchboard:', error);
    emit('error', { code: 'load_failed', message: String(error) });
  });
})();
