/* What a shop adds to the widget: questions that open it, its sample orders, and a customer who signs in. */
(window.Switchboard ||= []).push?.(['on', 'error', ({ code }) => console.info('Switchboard:', code)]);

function element(tag, text, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text) made.textContent = text;
  return made;
}

/* The question is put into the text field; the visitor decides whether to send it. */
function ask(question) {
  if (window.Switchboard.open) window.Switchboard.open(question);
  else window.Switchboard.push(['open', question]);
}

document.addEventListener('click', ({ target }) => {
  const question = target.closest('[data-ask]')?.dataset.ask;
  if (question) ask(question);
});

async function showOrders(body) {
  let orders;
  try {
    const answer = await fetch('/demo/orders.json');
    if (!answer.ok) throw new Error(answer.status);
    orders = await answer.json();
  } catch {
    body.replaceChildren(element('tr'));
    body.firstChild.append(element('td', 'The sample orders could not be loaded.', { colSpan: 4 }));
    return;
  }
  body.replaceChildren(...orders.map((order) => {
    const row = element('tr');
    const number = element('th', order.order_number, { scope: 'row' });
    const what = element('td', order.summary);
    what.append(element('span', order.email, { className: 'small' }));
    const status = element('td');
    status.append(element('span', order.status, { className: `status ${order.status}` }));
    const button = element('button', 'Ask', { type: 'button', ariaLabel: `Ask about order ${order.order_number}` });
    button.dataset.ask = `Where is my order ${order.order_number}?`;
    const cell = element('td');
    cell.append(button);
    row.append(number, what, status, cell);
    return row;
  }));
}

/* A real shop knows who is signed in and signs the identity on its server; here a button stands for all of that. */
async function signIn(button) {
  if (button.dataset.signedIn) {
    delete button.dataset.signedIn;
    button.textContent = 'Sign in as Anna';
    window.Switchboard.shutdown();
    window.Switchboard.close(); // back for whoever comes next
    return;
  }
  button.disabled = true;
  try {
    const answer = await fetch('/demo/identity', { method: 'POST' });
    if (!answer.ok) throw new Error(answer.status);
    const { token } = await answer.json();
    window.Switchboard.identify(token);
    button.dataset.signedIn = 'yes';
    button.textContent = 'Anna · sign out';
  } catch {
    button.textContent = 'Sign-in failed, try again';
  }
  button.disabled = false;
}

const orders = document.querySelector('[data-orders]');
if (orders) showOrders(orders);
const button = document.querySelector('[data-sign-in]');
button.addEventListener('click', () => signIn(button));
