import { styleSheet } from './styles.js';

const SVG = 'http://www.w3.org/2000/svg';
const shapes = {
  chat: 'M4 5h16v12H9l-5 4Z',
  down: 'm6 9 6 6 6-6',
  close: 'M6 6l12 12M18 6 6 18',
  send: 'M12 19V5m-6 6 6-6 6 6',
  book: 'M12 6H4v13h8Zm0 0h8v13h-8',
};
const phone = () => matchMedia('(max-width:480px),(max-height:420px)').matches;

function build(element, props, children) {
  for (const name in props) {
    const value = props[name];
    if (typeof value === 'function') element.addEventListener(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const h = (tag, props, ...children) => build(document.createElement(tag), props, children);
const svg = (tag, props, ...children) => build(document.createElementNS(SVG, tag), props, children);
const icon = (name) => svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': true }, svg('path', { d: shapes[name] }));

function link(address, base, props, ...children) {
  const url = URL.canParse(address, base) && new URL(address, base);
  if (!/^https?:$/.test(url.protocol)) return h('span', props, ...children);
  return h('a', { ...props, href: url, target: '_blank', rel: 'noopener noreferrer nofollow' }, ...children);
}

const lines = (text) => text.split(/(?<=\n)/).map((line) => h('span', /^( |•|\d+[.)] )/.test(line) && { class: 'li' },
  ...line.split(/(https?:\/\/[^\s<>"]*[^\s<>".,;:!?')\]}])/i)
    .map((part, at) => at % 2 ? link(part, undefined, {}, part) : part)));

export class View {
  items = [];

  constructor(options, speech, base, on) {
    const { t, dir, spoken } = speech;
    Object.assign(this, speech, { base, on, title: options.title ?? t('title') });
    const left = options.position ? options.position === 'left' : dir === 'rtl';
    this.root = h('aside', { class: left ? 'root left' : 'root', dir, lang: spoken, 'aria-label': this.title,
      keydown: (event) => this.key(event) }, this.makePanel(), this.makeLauncher());
    for (const type of ['keydown', 'keyup', 'keypress']) {
      this.root.addEventListener(type, (event) => event.stopPropagation());
    }
    this.host = h('switchboard-widget');
    this.shadow = this.host.attachShadow({ mode: 'open' });
    this.shadow.adoptedStyleSheets = [styleSheet(options.color)];
    this.shadow.append(this.root);
    document.body.append(this.host);
    this.owner({});
    this.unread(0);
    this.type();
    this.draft('');
  }

  button(name, label, click, ...children) {
    return h('button', { class: name, 'aria-label': this.t(label), click }, ...children);
  }

  makeLauncher() {
    this.badge = h('span', { class: 'badge', 'aria-hidden': true });
    const click = () => this.toggle(!this.open);
    return this.launcher = this.button('launcher', 'open', click, icon('chat'), icon('down'), this.badge);
  }

  makePanel() {
    const { t } = this;
    this.face = h('span', { class: 'face', 'aria-hidden': true });
    this.heading = h('b');
    this.status = h('p');
    this.banner = h('p', { class: 'banner', role: 'status', hidden: '' });
    this.hello = h('b', {}, t('hello'));
    this.intro = h('div', { class: 'intro' }, this.hello, h('p', {}, t('intro')));
    this.earlier = h('p', { class: 'notice', hidden: '' }, t('earlier'));
    this.log = h('div', { role: 'log', 'aria-live': 'polite', 'aria-label': this.title });
    this.dots = h('div', { class: 'dots', role: 'status' });
    this.replies = h('div', { class: 'replies' });
    this.scroll = h('div', { class: 'scroll', tabindex: 0 },
      this.intro, this.earlier, this.log, this.dots, this.replies);
    this.text = h('textarea', { rows: 1, maxlength: 4000, dir: 'auto',
      'aria-label': t('write'), placeholder: t('write'), input: () => {
        this.draft(this.text.value);
        this.on.typing();
      } });
    this.send = this.button('send', 'send', () => this.submit(), icon('send'));
    return this.panel = h('dialog', { class: 'panel', 'aria-label': this.title, cancel: () => this.toggle(false) },
      h('header', {}, this.face, h('div', {}, this.heading, this.status),
        this.button('shut', 'close', () => this.toggle(false), icon('close'))),
      this.banner, this.scroll, this.makeWait(), h('footer', {}, this.text, this.send));
  }

  makeWait() {
    const { t } = this;
    this.line = h('p', { 'aria-live': 'polite' });
    this.address = h('input', { type: 'email', required: '', maxlength: 254, 'aria-describedby': 'bad' });
    this.bad = h('b', { id: 'bad', role: 'alert' });
    const label = h('summary', {}, t('email_me'));
    const cancel = () => {
      this.mail.open = false;
      label.focus();
    };
    const submit = (event) => {
      event.preventDefault();
      this.bad.textContent = '';
      if (this.address.validity.valid) this.on.email(this.address.value);
      else this.refuse('email_invalid');
    };
    this.mail = h('details', { toggle: () => {
      this.bottom();
      this.mail.open && this.address.focus();
    } }, label,
      h('form', { novalidate: '', submit }, h('label', {}, t('email'), this.address), this.bad,
        h('div', { class: 'ask' }, this.pill(t('cancel'), cancel), h('button', { class: 'pill' }, t('send')))));
    return this.wait = h('div', { class: 'wait', hidden: '' }, this.line, this.mail);
  }

  queue(frame) {
    if (!frame && this.wait.contains(this.shadow.activeElement)) this.text.focus();
    const text = frame ? this.estimate(frame) : '';
    if (text !== this.line.textContent) this.line.textContent = text;
    const { hidden } = this.wait;
    this.wait.hidden = !frame;
    this.mail.hidden = !frame?.email;
    this.mail.open &&= frame;
    if (hidden && frame) this.bottom();
  }

  estimate({ key, position, low, high }) {
    const minutes = this.minutes(low, high);
    const range = this.t(key, minutes) ?? this.t('up_to', minutes);
    return key === 'nobody_on_duty' ? range : `${this.t('place', position)} ${range}`;
  }

  refuse(code) {
    this.bad.textContent = this.t(code) ?? this.t('failed');
    this.address.focus();
  }

  draft(text) {
    if (text !== this.text.value) this.text.value = text;
    this.text.rows = Math.min(5, text.split('\n').length);
    this.send.setAttribute('aria-disabled', !text.trim());
  }

  submit() {
    const text = this.text.value.trim();
    this.text.focus();
    if (!text) return;
    this.draft('');
    this.on.send(text);
  }

  key(event) {
    if (event.key === 'Escape') this.toggle(false);
    if (event.key !== 'Enter' || event.target !== this.text || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.submit();
  }

  get open() {
    return this.panel.open;
  }

  toggle(open, quiet) {
    if (open === this.open) return;
    const within = this.shadow.activeElement;
    if (!open) this.panel.close();
    else if (phone()) this.panel.showModal();
    else if (quiet) this.panel.open = true;
    else this.panel.show();
    this.root.classList.toggle('open', open);
    this.launcher.setAttribute('aria-expanded', open);
    this.bottom();
    if (open && !quiet && !matchMedia('(pointer:coarse)').matches) this.text.focus();
    if (!open && within) this.launcher.focus();
    this.on.toggle(open);
  }

  bottom(element) {
    this.scroll.scrollTop = element ? element.offsetTop - 12 : this.scroll.scrollHeight;
  }

  reset() {
    this.items = this.items.filter(({ sequence, element }) => sequence === Infinity || element.remove());
    this.type();
    this.tail();
  }

  find(id) {
    return id && this.items.find((item) => item.id === id);
  }

  message(frame, live) {
    const { sequence, author, client_id: id } = frame;
    if (this.find(id)) return this.sent(frame);
    const item = { sequence, author, id, frame };
    item.element = author === 'system' || frame.kind === 'notice' ? this.notice(frame) : this.bubble(item);
    if (author === 'customer') this.mark(item, 'sent');
    else this.type();
    const { scrollHeight, scrollTop, clientHeight } = this.scroll;
    this.place(item);
    if (!live || scrollHeight - scrollTop - clientHeight < 200) this.bottom(live && item.element);
  }

  pending(entry, state, seconds) {
    let item = this.find(entry.client_id);
    if (!item) {
      item = { sequence: Infinity, author: 'customer', id: entry.client_id, frame: { ...entry, at: Date.now() } };
      item.element = this.bubble(item);
      this.place(item);
      this.bottom();
    }
    if (item.sequence === Infinity) this.mark(item, state, seconds);
    if (state === 'failed') item.state.append(this.pill(this.t('retry'), () => this.on.retry(entry)));
  }

  mark({ element, state }, name, seconds) {
    element.className = `m me ${name}`;
    state.replaceChildren(this.t(name, seconds));
  }

  sent({ client_id: id, sequence, text }) {
    const item = this.find(id);
    if (!item) return;
    if (text) item.words.replaceChildren(...lines(text));
    this.mark(item, 'sent');
    item.sequence = sequence;
    const at = this.items.indexOf(item);
    const late = this.items.slice(at).some((other) => other.sequence < sequence);
    if (late) this.place(...this.items.splice(at, 1));
  }

  place(item) {
    let at = this.items.length;
    while (at && this.items[at - 1].sequence > item.sequence) at -= 1;
    this.log.insertBefore(item.element, this.items[at]?.element ?? null);
    this.items.splice(at, 0, item);
    this.tail();
  }

  notice({ notice, text, agent, at, wait, next, address }) {
    if (notice === 'by_email') this.queue();
    const value = address ?? (next === undefined ? this.name(agent) : next && this.time(next));
    const words = value && this.t(notice, value) || text;
    return h('p', { class: 'notice', title: this.time(at) }, wait ? `${words} ${this.estimate(wait)}` : words);
  }

  name(agent) {
    return agent?.name ?? this.t('person');
  }

  bubble(item) {
    const { author, frame: { text, at, agent, article, ask_helped: asks, sequence } } = item;
    const name = author === 'customer' ? this.t('you') : author === 'agent' ? this.name(agent) : this.bot;
    const words = item.words = h('p', { class: 'text', dir: 'auto' }, ...lines(text));
    const bubble = h('div', { class: 'bubble', title: this.time(at) }, words);
    const element = h('div', { class: `m ${author}` }, h('p', { class: 'who' }, name), bubble);
    if (article) bubble.append(this.card(article));
    if (author === 'customer') element.append(item.state = h('p', { class: 'state' }));
    if (asks) {
      const vote = (word, helped) => this.pill(word, () => this.on.send(word, { sequence, helped }));
      item.ask = h('p', { class: 'ask' }, this.t('helped'), vote(this.t('yes'), true), vote(this.t('no'), false));
      element.append(item.ask);
    }
    return element;
  }

  card({ title, section, url }) {
    const lines = [title, section].filter(Boolean).map((line) => h('span', { dir: 'auto' }, line));
    if (url) lines.push(h('u', {}, this.t('more')));
    return link(url, this.base, { class: 'card' }, icon('book'), h('div', {}, ...lines));
  }

  pill(title, click) {
    return h('button', { class: 'pill', type: 'button', click: () => {
      this.scroll.focus();
      click();
    } }, title);
  }

  tail() {
    const last = this.items.at(-1);
    const mine = this.items.findLastIndex(({ author }) => author === 'customer');
    this.items.forEach(({ ask }, at) => ask?.toggleAttribute('hidden', at < mine));
    const offers = last?.author === 'bot' && last.frame.quick_replies || [];
    this.replies.replaceChildren(...offers.map(({ title, text }) => this.pill(title, () => this.on.send(text))));
  }

  typing({ author, on }) {
    if (author === 'agent') this.type(on && this.heading.textContent, 6000);
    else this.type(on && this.bot, 30000);
    if (on) this.bottom();
  }

  type(name, ms) {
    clearTimeout(this.timer);
    this.dots.hidden = !name;
    this.dots.replaceChildren(h('span', { class: 'sr' }, this.t('typing', name)), h('i'), h('i'), h('i'));
    if (name) this.timer = setTimeout(() => this.type(), ms);
  }

  welcome({ bot_name: bot, customer, earlier, limits, latest }) {
    this.bot = bot;
    this.hello.textContent = this.t('hello', customer.name ? ` ${customer.name}` : '');
    this.intro.hidden = earlier;
    this.earlier.hidden = !earlier;
    this.text.maxLength = limits.text;
    this.address.value ||= customer.email ?? '';
    this.busy(latest > 0);
  }

  busy(on) {
    this.log.setAttribute('aria-busy', on);
  }

  owner({ owner, agent }) {
    const name = owner === 'agent' && this.name(agent);
    this.heading.textContent = name || this.title;
    this.status.textContent = name ? this.title : this.t(owner === 'queue' ? owner : 'bot');
    this.face.replaceChildren(name ? [...name][0] : icon('chat'));
    this.root.classList.toggle('away', owner === 'queue');
    if (owner !== 'queue') this.queue();
  }

  state(state) {
    this.banner.hidden = state === 'online';
    this.banner.textContent = this.t(state);
  }

  unread(count) {
    this.badge.hidden = !count;
    this.badge.textContent = count;
    const label = this.t(this.open ? 'close' : 'open');
    this.launcher.setAttribute('aria-label', count ? `${label} (${this.t('unread', count)})` : label);
  }
}
