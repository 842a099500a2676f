'use strict';

const model = JSON.parse(document.getElementById('model').textContent);
const byId = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// Services may ask for a token; the field for it is there once one did.
function headers(others = {}) {
  const token = byId('token').value.trim();
  return token ? {...others, Authorization: `Bearer ${token}`} : others;
}

// ---- the form

const inputs = model.features.map((name, index) => {
  const input = make('input', {name, type: 'text', inputMode: 'decimal', autocomplete: 'off'});
  input.value = model.examples.length ? model.examples[0].row[index] : 0;
  input.addEventListener('input', showCommands);
  return input;
});

// What is no number is sent as text, so that the server says what is wrong with it.
function readRow() {
  return inputs.map(({value}) => {
    const text = value.trim().replace(',', '.');
    return text !== '' && Number.isFinite(Number(text)) ? Number(text) : value;
  });
}

function showExamples() {
  if (!model.examples.length) return;
  const buttons = model.examples.map(({label, row}) => {
    const button = make('button', {type: 'button', textContent: label});
    button.addEventListener('click', () => {
      inputs.forEach((input, index) => { input.value = row[index]; });
      showCommands();
      predict();
    });
    return button;
  });
  byId('examples').append('Example of ', ...buttons);
}

function showAnswer({predictions, probabilities, classes}, took) {
  byId('label').textContent = predictions[0];
  const ranked = classes.map((name, index) => ({name, share: probabilities[0][index]}))
    .sort((a, b) => b.share - a.share);
  byId('bars').replaceChildren(...ranked.map(({name, share}) => {
    const bar = make('i');
    bar.style.width = `${100 * share}%`;
    const percent = share > 0 && share < 0.0001 ? '< 0.01 %' : `${(100 * share).toFixed(2)} %`;
    return make('div', {className: name === predictions[0] ? 'bar best' : 'bar'},
      bar, make('span', {textContent: name}), make('span', {textContent: percent}));
  }));
  byId('took').textContent = `Answered in ${took.toFixed(1)} ms, as this browser sees it`;
}

function showError(text) {
  byId('error').textContent = text;
  byId('error').hidden = text === '';
  byId('answer').classList.toggle('stale', text !== '');  // it is not of what is filled in
}

// Answers may overtake each other; the last question counts.
let asked = 0;
async function predict() {
  const turn = ++asked;
  const start = performance.now();
  try {
    const response = await fetch('predict', {
      method: 'POST',
      headers: headers({'Content-Type': 'application/json'}),
      body: JSON.stringify({instances: [readRow()], parameters: {probabilities: true}}),
    });
    const answer = await response.json();
    if (turn !== asked) return;
    if (response.status === 401) byId('token-field').hidden = false;
    showError(answer.error || '');
    if (response.ok) showAnswer(answer, performance.now() - start);
  } catch (error) {
    if (turn === asked) showError(`No answer: ${error.message}`);
  }
}

byId('form').addEventListener('submit', (event) => {
  event.preventDefault();
  predict();
});

// ---- the signature

function showSignature() {
  byId('name').textContent = model.name;
  document.title = `${model.name} · iris`;
  byId('about').textContent = `version ${model.version} · ${model.features.length} features, ` +
    `${model.classes.length} classes · iris ${model.program}`;
  byId('inputs').append(...model.features.map((name, index) => make('label', {}, name, inputs[index])));
  const names = (list) => list.length <= 24 ? list.join(', ')
    : `${list.slice(0, 24).join(', ')}, … (${list.length} in all)`;
  const row = (name, type, shape, holds) => make('tr', {},
    make('td', {}, make('code', {textContent: name})), make('td', {textContent: type}),
    make('td', {textContent: shape}), make('td', {textContent: holds}));
  byId('signature').append(
    row(model.input, 'FP32', `[rows, ${model.features.length}]`, names(model.features)),
    row(model.outputs[0], 'BYTES', '[rows]', `one of ${names(model.classes)}`),
    row(model.outputs[1], 'FP32', `[rows, ${model.classes.length}]`, `of ${names(model.classes)}`));
  byId('metadata-link').href = `v2/models/${encodeURIComponent(model.name)}`;
}

// Text for a shell, within single quotes.
const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function showCommands() {
  const row = readRow();
  const base = new URL('.', location.href).href;
  const command = (path, body) =>
    `curl ${quoted(base + path)} -H 'Content-Type: application/json' -d ${quoted(JSON.stringify(body))}`;
  byId('predict-command').textContent = command('predict', {instances: [row]});
  byId('infer-command').textContent = command(`v2/models/${encodeURIComponent(model.name)}/infer`,
    {inputs: [{name: model.input, shape: [1, row.length], datatype: 'FP32', data: [row]}]});
}

for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', async () => {
    const text = byId(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = 'Copied';
    } catch {
      // No clipboard without https: what is selected can be copied by hand.
      getSelection().selectAllChildren(text);
      button.textContent = 'Selected';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
}

// ---- live figures

const PERIOD_MS = 1000;
const POINTS = 60;
const history = {rate: [], p50: [], p99: [], connections: []};

// The upper bound of the bucket that holds this share of the requests, in µs; none without requests.
function quantile(counts, upper, share) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let below = 0;
  for (let i = 0; i < counts.length; ++i) {
    below += counts[i];
    if (below >= share * total) return i < upper.length ? upper[i] : Infinity;
  }
  return null;
}

function durationText(us) {
  if (us === null) return '–';
  if (us === Infinity) return '> 4 s';
  return us < 1000 ? `≤ ${us} µs` : us < 1e6 ? `≤ ${Math.round(us / 1000)} ms` : `≤ ${Math.round(us / 1e6)} s`;
}

function rateText(rate) {
  if (rate >= 10000) return `${(rate / 1000).toFixed(1)} k`;
  return rate >= 10 || rate === 0 ? Math.round(rate).toLocaleString('en') : rate.toFixed(1);
}

function drawLine(id, values) {
  const svg = byId(`${id}-line`);
  svg.setAttribute('viewBox', `0 0 ${POINTS - 1} 100`);
  svg.setAttribute('preserveAspectRatio', 'none');
  const known = values.filter((value) => value !== null && value !== Infinity);
  const top = Math.max(1, ...known);
  const points = values.map((value, index) => value === null ? null
    : `${POINTS - values.length + index},${100 - 100 * Math.min(value / top, 1)}`);
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
  line.setAttribute('points', points.filter((point) => point !== null).join(' '));
  svg.replaceChildren(line);
}

function show(id, value, text) {
  byId(id).textContent = text;
  history[id].push(value);
  if (history[id].length > POINTS) history[id].shift();
  drawLine(id, history[id]);
}

function showStatus(text, good) {
  byId('status').textContent = text;
  byId('status').className = `status ${good ? 'good' : 'bad'}`;
}

let last = null;
function showFigures(now) {
  if (last && now.predictions >= last.predictions) {
    const counts = now.duration_counts.map((count, i) => count - last.duration_counts[i]);
    const rate = (now.predictions - last.predictions) / Math.max(now.time_s - last.time_s, 1e-3);
    const p50 = quantile(counts, now.duration_upper_us, 0.5);
    const p99 = quantile(counts, now.duration_upper_us, 0.99);
    show('rate', rate, rateText(rate));
    show('p50', p50, durationText(p50));
    show('p99', p99, durationText(p99));
  }
  show('connections', now.connections, now.connections.toLocaleString('en'));
  last = now;
}

async function look() {
  if (!document.hidden) {
    try {
      const response = await fetch('live.json', {cache: 'no-store', headers: headers()});
      if (response.status === 401) byId('token-field').hidden = false;
      if (!response.ok) throw new Error(`status ${response.status}`);
      showFigures(await response.json());
      showStatus('serving', true);
    } catch {
      showStatus(byId('token-field').hidden ? 'no answer' : 'asks for a token', false);
      last = null;
    }
  }
  setTimeout(look, PERIOD_MS);
}

showSignature();
showExamples();
showCommands();
predict();
look();
