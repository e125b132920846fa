const text = `
:host{all:initial!important;display:block!important;position:fixed!important;z-index:2147483000!important}
*{box-sizing:border-box;margin:0;unicode-bidi:plaintext}
[hidden]{display:none!important}
.panel[open]{display:flex}
.root{--on:#fff;--accent:var(--ink);--surface:#fff;--canvas:#f5f6f8;--ink:#171a20;--muted:#596170;--line:#dfe2e8;
  --away:#f5b301;color:var(--ink);font:15px/1.5 system-ui,sans-serif;text-align:left}
[dir=rtl]{text-align:right}
.text,textarea{text-align:start}
@supports (color:oklch(from red l c h)){.root{--on:oklch(from var(--brand) clamp(0,(.58 - l)*999,1) 0 0);
  --accent:oklch(from var(--brand) min(l,.48) c h)}}
button,textarea,input{font:inherit;color:inherit;background:none;border:0;padding:0}
button{cursor:pointer}
b{font-weight:650}
svg{width:24px;height:24px;flex:none;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;
  stroke-linejoin:round}
:focus{outline:0}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px}
.launcher,.shut,.send,.face{display:grid;place-items:center;flex:none;border-radius:50%}
.launcher,.send,header,.me .bubble{background:var(--brand);color:var(--on)}
.launcher,.panel{position:fixed;right:24px;box-shadow:0 8px 40px #0f172a40}
.launcher{bottom:calc(24px + env(safe-area-inset-bottom));width:60px;height:60px}
.launcher:hover,.shut:hover,.send:hover{transform:scale(1.06)}
.launcher svg{width:28px;height:28px;grid-area:1/1}
.launcher,.launcher svg,.shut,.send{transition:.2s}
.open .launcher svg:first-child,.root:not(.open) svg+svg{opacity:0;transform:rotate(-60deg)}
.badge{position:absolute;top:-3px;inset-inline-end:-3px;min-width:22px;padding:0 6px;border-radius:11px;
  background:#c5221f;color:#fff;font-size:12px;font-weight:700;line-height:22px}
.panel{inset:auto 24px calc(100px + env(safe-area-inset-bottom)) auto;width:400px;max-width:none;
  height:min(690px,100dvh - 124px);max-height:none;flex-direction:column;border:0;padding:0;color:inherit;
  overflow:hidden;border-radius:20px;background:var(--canvas);animation:rise .25s}
.left>*{right:auto;left:24px}
header{display:flex;align-items:center;gap:12px;padding:18px;padding-inline-end:12px}
header div{flex:1;min-width:0;font-size:13px;line-height:1.4}
header b{display:block;font-size:17px}
.face{position:relative;width:42px;height:42px;background:var(--on);color:var(--brand);font-size:18px;font-weight:700}
.face::after{content:"";position:absolute;bottom:0;inset-inline-end:0;width:13px;height:13px;border-radius:50%;
  background:#22c55e;border:2px solid var(--brand)}
.away .face::after{background:var(--away)}
.shut{width:40px;height:40px}
.shut:focus-visible{outline-color:var(--on);outline-offset:-3px}
.banner{padding:6px;background:var(--away);color:#000;font-size:13px;text-align:center}
.scroll{flex:1;position:relative;overflow-y:auto;overscroll-behavior:contain;padding:20px 16px}
.scroll:focus-visible{outline-offset:-3px}
.intro{padding:4px 4px 12px}
.intro b{font-size:24px;line-height:1.4}
.intro p,.notice,.who,.state,.ask{color:var(--muted)}
.notice{font-size:13px;text-align:center;padding:12px 20px 0;text-wrap:balance}
.m{display:flex;flex-direction:column;align-items:flex-start;margin-top:14px;padding-inline-end:14%;animation:rise .2s}
.me{align-items:flex-end;padding-inline:14% 0}
.who,.state,.badge,.state .pill{font-size:12px}
.ask{font-size:13px}
.who{font-weight:600;margin:0 4px 4px}
.bot+.bot,.agent+.agent,.me+.me{margin-top:4px}
.sr,.me .who,.bot+.bot .who,.agent+.agent .who{position:absolute;width:1px;height:1px;overflow:hidden;
  clip-path:inset(50%)}
.bubble,.dots{padding:10px 14px;border-radius:18px;border-end-start-radius:6px;border:1px solid var(--line);
  background:var(--surface);overflow-wrap:anywhere}
.me .bubble{border-radius:18px;border-end-end-radius:6px;border-color:#0000}
.text{white-space:pre-wrap}
.li{display:block;padding-inline:1em 0;text-indent:-1em}
a,u{color:var(--accent)}
.me a{color:inherit}
.card{display:flex;gap:10px;margin:10px -4px 4px;padding:12px;border:1px solid var(--line);border-radius:12px;
  background:var(--canvas);color:var(--muted);font-size:13px;text-decoration:none}
.card:hover,.pill:hover{border-color:var(--accent)}
.card svg{width:20px;height:20px;color:var(--accent)}
.card div{display:grid;gap:2px;min-width:0}
.card span:first-child{font-size:14px;font-weight:650;color:var(--ink)}
.state{margin:3px 4px 0}
.state .pill{margin-inline-start:8px}
.sent:not(:last-child) .state{display:none}
.ask,.replies{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin-top:10px}
.replies{justify-content:flex-end}
.pill{padding:6px 14px;border:1px solid var(--line);border-radius:18px;background:var(--surface);color:var(--accent);
  font-size:14px;font-weight:500}
.replies .pill{border-color:currentColor}
.dots{display:flex;gap:4px;width:max-content;margin-top:14px;padding-block:15px}
i{width:7px;height:7px;border-radius:50%;background:var(--muted);animation:dot 1.2s infinite}
i+i{animation-delay:.15s}
i+i+i{animation-delay:.3s}
label,input{display:block;width:100%}
.wait{margin:0 12px 8px;padding:8px 14px;border:1px solid var(--line);border-radius:18px;background:var(--surface);
  font-size:13px}
label{margin-top:8px}
summary{color:var(--accent);cursor:pointer}
input{margin:4px 0;padding:6px 12px;border:1px solid var(--muted);border-radius:18px}
footer{display:flex;align-items:flex-end;margin:0 12px calc(12px + env(safe-area-inset-bottom));padding:4px;
  border:1px solid var(--line);border-radius:22px;background:var(--surface)}
footer:focus-within{outline:2px solid var(--accent)}
textarea{flex:1;min-width:0;max-height:132px;padding:6px 12px;resize:none;outline:0!important;field-sizing:content}
textarea::placeholder{color:var(--muted);opacity:1}
.send{width:36px;height:36px}
.send[aria-disabled=true]{background:var(--line);color:var(--muted)}
@media (max-width:480px),(max-height:420px){
.open .launcher{display:none}
.root>.panel{inset:0;width:auto;height:100dvh;border-radius:0}
header{padding-top:calc(14px + env(safe-area-inset-top))}
textarea,input{font-size:16px}}
@media (prefers-color-scheme:dark){.root{--accent:oklch(from var(--brand) max(l,.78) c h);--surface:#23272f;
  --canvas:#16191f;--ink:#eceef2;--muted:#a6aebb;--line:#3a404c;color-scheme:dark}}
@media (prefers-reduced-motion){*,::after{animation:none!important;transition:none!important}}
@keyframes rise{0%{opacity:0;transform:translateY(10px)}}
@keyframes dot{30%{opacity:.4;transform:translateY(-4px)}}`;

export function styleSheet(color) {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  sheet.insertRule('.root{--brand:#3b4fd8}');
  if (CSS.supports('color', color)) sheet.cssRules[0].style.setProperty('--brand', color);
  return sheet;
}
