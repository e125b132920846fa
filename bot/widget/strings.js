export const texts = {
  title: ['Chat with us', 'Chat', 'Chat', 'Chat'],
  open: ['Open chat', 'Chat öffnen', 'Abrir el chat', 'Ouvrir le chat'],
  close: ['Close chat', 'Chat schließen', 'Cerrar el chat', 'Fermer le chat'],
  hello: ['Hello{}!', 'Hallo{}!', '¡Hola{}!', 'Bonjour{} !'],
  intro: [
    'Ask us anything. A person is never far away.',
    'Fragen Sie uns alles. Ein Mensch ist nie weit.',
    'Pregunta lo que quieras. Siempre hay una persona cerca.',
    'Posez vos questions. Une personne n’est jamais loin.',
  ],
  write: ['Write a message', 'Nachricht schreiben', 'Escribe un mensaje', 'Écrivez un message'],
  send: ['Send', 'Senden', 'Enviar', 'Envoyer'],
  you: ['You', 'Sie', 'Tú', 'Vous'],
  bot: ['Answers at once', 'Antwortet sofort', 'Responde al momento', 'Répond tout de suite'],
  queue: ['A person will answer', 'Ein Mensch wird antworten', 'Responderá una persona', 'Une personne répondra'],
  person: ['Our team', 'Unser Team', 'Nuestro equipo', 'Notre équipe'],
  typing: ['{} is typing', '{} schreibt', '{} está escribiendo', '{} écrit'],
  reconnecting: ['Reconnecting…', 'Verbinde neu…', 'Reconectando…', 'Reconnexion…'],
  refused: [
    'The chat is not available here.',
    'Der Chat ist hier nicht verfügbar.',
    'El chat no está disponible aquí.',
    'Le chat n’est pas disponible ici.',
  ],
  sending: ['Sending…', 'Wird gesendet…', 'Enviando…', 'Envoi…'],
  sent: ['Sent', 'Gesendet', 'Enviado', 'Envoyé'],
  failed: ['Not sent.', 'Nicht gesendet.', 'No enviado.', 'Non envoyé.'],
  retry: ['Try again', 'Erneut versuchen', 'Reintentar', 'Réessayer'],
  wait: ['Sending again in {} s', 'Neuer Versuch in {} s', 'Nuevo intento en {} s', 'Nouvel essai dans {} s'],
  helped: ['Did this help?', 'Hat das geholfen?', '¿Te ha servido?', 'Cela vous a aidé ?'],
  yes: ['Yes', 'Ja', 'Sí', 'Oui'],
  no: ['No', 'Nein', 'No', 'Non'],
  more: ['Read more', 'Weiterlesen', 'Leer más', 'Lire la suite'],
  earlier: [
    'Earlier messages are hidden',
    'Frühere Nachrichten sind verborgen',
    'Hay mensajes anteriores ocultos',
    'Messages précédents masqués',
  ],
  unread: ['{} unread', '{} ungelesen', '{} sin leer', '{} non lus'],
  handoff_requested: [
    'We have asked a person to join. You can keep writing.',
    'Wir haben jemanden aus dem Team gerufen. Sie können weiterschreiben.',
    'Hemos avisado a una persona. Puedes seguir escribiendo.',
    'Nous avons appelé une personne. Vous pouvez continuer à écrire.',
  ],
  agent_joined: ['{} has joined', '{} ist jetzt da', '{} está aquí', '{} est là'],
  agent_left: [
    '{} has left. The next free person takes over.',
    '{} ist gegangen. Die nächste freie Person übernimmt.',
    '{} ha salido. Te atenderá la próxima persona libre.',
    '{} est parti. La prochaine personne libre prend le relais.',
  ],
  resolved: [
    'This chat is resolved. Our assistant is back.',
    'Dieser Chat ist abgeschlossen. Unser Assistent ist wieder da.',
    'Este chat se ha resuelto. Nuestro asistente ha vuelto.',
    'Ce chat est résolu. Notre assistant est de retour.',
  ],
  personal_data_masked: [
    'We have hidden private data in your message. Please never share it in a chat.',
    'Wir haben private Daten in Ihrer Nachricht verdeckt. Teilen Sie sie nie im Chat.',
    'Hemos ocultado datos privados en tu mensaje. No los compartas nunca en un chat.',
    'Nous avons masqué des données privées dans votre message. Ne les partagez jamais dans un chat.',
  ],
  place: ['You are number {}.', 'Sie sind Nummer {}.', 'Eres el número {}.', 'Vous êtes numéro {}.'],
  between: ['It will take {}.', 'Es dauert {}.', 'Tardará {}.', 'Il faut {}.'],
  up_to: ['It will take less than {}.', 'Es dauert weniger als {}.', 'Tardará menos de {}.', 'Il faut moins de {}.'],
  too_long: ['Very many are waiting.', 'Es warten sehr viele.', 'Hay mucha espera.', 'L’attente est très longue.'],
  nobody_on_duty: [
    'Nobody is here just now.',
    'Gerade ist niemand da.',
    'Ahora no hay nadie.',
    'Il n’y a personne en ce moment.',
  ],
  wait_apology: [
    'Sorry, this takes longer than we said.',
    'Es dauert leider länger als gesagt.',
    'Lo sentimos, tarda más de lo dicho.',
    'Désolés, c’est plus long que prévu.',
  ],
  email_me: ['E-mail me instead', 'Lieber per E-Mail', 'Mejor por correo', 'Plutôt par e-mail'],
  email: ['E-mail address', 'E-Mail-Adresse', 'Correo', 'Adresse e-mail'],
  email_invalid: ['Please check the address.', 'Bitte Adresse prüfen.', 'Revisa el correo.', 'Vérifiez l’adresse.'],
  cancel: ['Cancel', 'Abbrechen', 'Cancelar', 'Annuler'],
  by_email: [
    'We will answer by e-mail to {}.',
    'Wir antworten per E-Mail an {}.',
    'Responderemos por correo a {}.',
    'Nous répondrons par e-mail à {}.',
  ],
  closed: ['We are back: {}', 'Wir sind zurück: {}', 'Volvemos: {}', 'De retour : {}'],
  bot_unavailable: [
    'Our assistant is not available. We have asked a person to join.',
    'Unser Assistent ist nicht verfügbar. Wir haben jemanden aus dem Team gerufen.',
    'Nuestro asistente no está disponible. Hemos avisado a una persona.',
    'Notre assistant n’est pas disponible. Nous avons appelé une personne.',
  ],
};

export function speak(locale, dir) {
  let tag = 'en';
  try {
    [tag] = Intl.getCanonicalLocales(locale);
  } catch { /* not a language tag */ }
  const lang = tag.split('-')[0];
  const at = Math.max(0, ['en', 'de', 'es', 'fr'].indexOf(lang));
  const clock = new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'short' });
  const spoken = at ? lang : 'en';
  const unit = new Intl.NumberFormat(spoken, { style: 'unit', unit: 'minute', unitDisplay: 'long' });
  return {
    lang,
    spoken,
    dir: dir ?? (/^(ar|fa|he|ur|yi)$/.test(lang) ? 'rtl' : 'ltr'),
    t: (key, value = '') => texts[key]?.[at]?.replace('{}', () => value),
    minutes: (low, high = 1) => low ? unit.formatRange(low, high) : unit.format(high),
    time: (iso) => clock.format(new Date(iso)),
  };
}
