'use strict';
(() => {
  const root = document.documentElement, $ = (id, of = document) => of.getElementById(id);
  root.classList.add('js');

  // Times: the reader's own zone in the place of UTC.
  const zone = new Intl.DateTimeFormat('sv', { dateStyle: 'short', timeStyle: 'medium' });
  const name = new Intl.DateTimeFormat(undefined, { timeZoneName: 'short' });
  const zoneOf = at => name.formatToParts(at).find(p => p.type === 'timeZoneName').value;
  const localize = of => of.querySelectorAll('time').forEach(t => {
    const at = new Date(t.dateTime), text = zone.format(at);
    t.title = text + ' ' + zoneOf(at);
    if (t.className === 'ago') return;
    t.textContent = text.slice(0, 10) === zone.format(new Date()).slice(0, 10) ? text.slice(11) : text.slice(0, 16);
  });

  // Renewal: what is new goes into the page that is there, node by node, so that focus, selection and scroll position stay.
  const key = n => n.nodeType === 1 ? n.id || n.dataset.key || '' : '';
  const same = (a, b) => a.nodeName === b.nodeName && key(a) === key(b);
  function patch(old, next) {
    if (old.nodeType !== 1) { if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue; return; }
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const wanted = new Set([...next.children].map(key)), keyed = new Map();
    for (const n of [...old.children]) if (key(n)) wanted.has(key(n)) ? keyed.set(key(n), n) : n.remove();
    let at = old.firstChild;
    for (const n of [...next.childNodes]) {
      const found = key(n) ? keyed.get(key(n)) : at && same(at, n) ? at : null;
      if (!found || found.nodeName !== n.nodeName) { old.insertBefore(document.importNode(n, true), at); continue; }
      if (found === at) at = at.nextSibling; else old.insertBefore(found, at);
      patch(found, n);
    }
    while (at) { const gone = at; at = at.nextSibling; gone.remove(); }
  }

  const clock = () => zone.format(new Date()).slice(11);
  const tell = text => { const s = $('stale'); if (s && s.textContent !== text) s.textContent = text; };
  let since = clock(), timer = 0, paused = false;
  const every = 1000 * document.body.dataset.renew;
  async function renew() {
    let text, ok = false;
    try {
      const answer = await fetch(location.href, { headers: { 'X-Renew': '1' }, signal: AbortSignal.timeout(15000) });
      text = await answer.text();
      ok = (answer.headers.get('Content-Type') || '').startsWith('text/html');
    } catch { /* told below */ }
    if (paused) return;
    const next = ok && new DOMParser().parseFromString(text, 'text/html');
    if (next && ($('sign-in', next) || 'failed' in document.body.dataset && !('failed' in next.body.dataset))) return location.reload();
    if ('failed' in document.body.dataset) { /* it says so already */ }
    else if (!next) tell('No answer since ' + since + '. What you see is from then.');
    else if ('failed' in next.body.dataset) tell(next.querySelector('.error').textContent + ' What you see is from ' + since + '.');
    else {
      localize(next);
      next.querySelectorAll('[data-live]').forEach(n => { const old = $(n.id); if (old) patch(old, n); });
      patch($('now'), $('now', next));
      since = clock();
      tell('');
      count();
    }
    plan();
  }
  function plan() { clearTimeout(timer); if (every && !paused && !document.hidden) timer = setTimeout(renew, every); }
  document.addEventListener('visibilitychange', () => { if (!document.hidden && every && !paused) renew(); });

  // Ids to copy, rows to select.
  const boxes = () => [...document.querySelectorAll('tbody input[name=id]')];
  function count() {
    const all = $('all'), n = boxes().filter(b => b.checked).length;
    if (!all) return;
    all.checked = n > 0 && n === boxes().length;
    all.indeterminate = n > 0 && !all.checked;
    const text = n ? n + ' selected' : '';
    if ($('chosen').textContent !== text) $('chosen').textContent = text;
  }
  document.addEventListener('change', e => {
    if (e.target.id === 'all') boxes().forEach(b => { b.checked = e.target.checked; });
    count();
  });
  document.addEventListener('click', async e => {
    const copy = e.target.closest('[data-copy]');
    if (copy) {
      try { await navigator.clipboard.writeText(copy.dataset.copy); copy.textContent = 'copied'; } catch { copy.textContent = 'refused'; }
      setTimeout(() => { copy.textContent = 'copy'; }, 1500);
    }
    const link = e.target.closest('#pause');
    if (link && every) { // without leaving the page: what is selected stays selected
      e.preventDefault();
      paused = !paused;
      const here = location.href.replace(location.origin, '');
      history.replaceState(null, '', link.getAttribute('href'));
      link.setAttribute('href', here);
      link.textContent = paused ? 'Renew again' : 'Pause renewal';
      paused ? clearTimeout(timer) : renew();
    }
  });

  if (location.search.match(/[?&]did=/)) { // said once
    const u = new URL(location.href);
    u.searchParams.delete('did'); u.searchParams.delete('n');
    history.replaceState(null, '', u);
  }
  localize(document);
  count();
  plan();
})();
