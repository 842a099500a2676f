// Draws the charts of the report from the JSON in #data (chart_data.cpp says what it holds), with
// dygraphs. Charts of one scenario share their time axis, their cursor and their zoom. Text from
// the records only ever becomes a text node.
'use strict';
(() => {
  const scenarios = JSON.parse(document.getElementById('data').textContent);
  const dark = window.matchMedia('(prefers-color-scheme: dark)');
  const print = window.matchMedia('print');
  const touch = window.matchMedia('(pointer: coarse)').matches;

  const color = (name) =>
    getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
  const replicaColor = (i) => color('c' + (i % 6 + 1));

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const number = (value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return '–';
    const digits = Math.abs(value) < 10 && !Number.isInteger(value) ? 2 :
      Math.abs(value) < 100 && !Number.isInteger(value) ? 1 : 0;
    return value.toLocaleString('en-US', {minimumFractionDigits: digits, maximumFractionDigits: digits});
  };

  const withUnit = (value, unit) => number(value) === '–' ? '–' : `${number(value)} ${unit}`;

  // Decades, and 2 and 5 between them where there is room for no more than two decades.
  const logTicker = (min, max) => {
    const steps = max / min > 200 ? [1] : [1, 2, 5];
    const ticks = [];
    for (let decade = Math.floor(Math.log10(min)); decade <= Math.ceil(Math.log10(max)); ++decade) {
      for (const step of steps) {
        const value = step * 10 ** decade;
        if (value >= min && value <= max) {
          ticks.push({v: value, label: value < 1 ? String(+value.toPrecision(3)) : number(value)});
        }
      }
    }
    return ticks;
  };

  const verticalMarks = (scenario) => scenario.events.filter((e) =>
    ['scale', 'replica_lost', 'interrupted'].includes(e.kind)).map((e) => ({
    t: e.t,
    alarm: e.kind !== 'scale',
    label: e.kind === 'scale' ? `${number(e.from)} → ${number(e.to)}` :
      e.kind === 'replica_lost' ? 'replica lost' : 'interrupted',
  }));

  // Behind the lines: the steady state, decisions and events, and the lines that bound a figure.
  const underlay = (chart, scenario) => (canvas, area, graph) => {
    const bottom = area.y + area.h;
    canvas.save();
    canvas.font = '11px ' + color('font');
    if (scenario && scenario.steady) {
      const [from, to] = scenario.steady.map((t) => graph.toDomXCoord(t));
      canvas.fillStyle = color('steady');
      canvas.fillRect(from, area.y, to - from, area.h);
    }
    for (const line of chart.lines || []) {
      const y = graph.toDomYCoord(line.value);
      if (y < area.y - 1 || y > bottom + 1) continue;
      canvas.strokeStyle = canvas.fillStyle = color(line.color);
      canvas.setLineDash([6, 4]);
      canvas.beginPath();
      canvas.moveTo(area.x, y);
      canvas.lineTo(area.x + area.w, y);
      canvas.stroke();
      canvas.textAlign = 'right';
      canvas.fillText(line.label, area.x + area.w - 4, y - 4);
    }
    if (scenario) {
      let row = 0;
      let last = -Infinity;
      for (const mark of verticalMarks(scenario)) {
        const x = Math.round(graph.toDomXCoord(mark.t)) + 0.5;
        if (x < area.x || x > area.x + area.w) continue;
        canvas.strokeStyle = canvas.fillStyle = color(mark.alarm ? 'alarm' : 'mark');
        canvas.setLineDash(mark.alarm ? [3, 3] : []);
        canvas.beginPath();
        canvas.moveTo(x, area.y);
        canvas.lineTo(x, bottom);
        canvas.stroke();
        if (!chart.marks) continue;
        row = x - last < 80 ? row + 1 : 0;
        last = x;
        const right = x + 80 > area.x + area.w;
        canvas.textAlign = right ? 'right' : 'left';
        canvas.fillText(mark.label, right ? x - 4 : x + 4, area.y + 11 + 13 * row);
      }
      if (chart.marks) {
        canvas.fillStyle = color('muted');
        for (const tick of scenario.ticks) {
          const x = graph.toDomXCoord(tick.t);
          if (x < area.x || x > area.x + area.w) continue;
          canvas.beginPath();
          canvas.moveTo(x, bottom - 7);
          canvas.lineTo(x - 3.5, bottom);
          canvas.lineTo(x + 3.5, bottom);
          canvas.fill();
        }
      }
    }
    canvas.restore();
  };

  const legendOf = (chart) => {
    const legend = element('div', 'legend');
    const add = (text, style, kind) => {
      const item = element('span', 'key');
      const swatch = element('i', kind || '');
      Object.assign(swatch.style, style);
      item.append(swatch, text);
      legend.append(item);
    };
    for (const s of chart.series) {
      add(s.label, {borderTopColor: s.color, borderTopWidth: Math.min(s.width || 2, 3) + 'px',
        borderTopStyle: s.dash ? 'dashed' : 'solid'});
    }
    if (chart.marks) add('HPA sync', {}, 'tick');
    if (chart.marks && chart.steady) add('steady', {}, 'band');
    return legend;
  };

  const tooltipFor = (chart, row) => {
    const box = element('div', 'tooltip');
    box.append(element('b', '', number(chart.x[row]) + ' s'));
    for (const s of chart.series) {
      const line = element('div');
      const swatch = element('i');
      swatch.style.background = s.color;
      line.append(swatch, s.label + ' ', element('span', '', withUnit(s.values[row], chart.unit)));
      box.append(line);
    }
    return box;
  };

  // Moves the cursor of every chart of a group; row null takes it away.
  const point = (group, row) => {
    for (const member of group) {
      if (member.tooltip) member.tooltip.remove();
      member.tooltip = null;
      if (row === null || row >= member.chart.x.length) {
        member.graph.clearSelection();
        continue;
      }
      member.graph.setSelection(row);
      const x = member.graph.toDomXCoord(member.chart.x[row]);
      const box = tooltipFor(member.chart, row);
      const left = x < member.plot.clientWidth / 2;
      box.style.left = left ? x + 12 + 'px' : 'auto';
      box.style.right = left ? 'auto' : member.plot.clientWidth - x + 12 + 'px';
      member.plot.append(box);
      member.tooltip = box;
    }
  };

  const zoom = (group, from, to) => {
    for (const member of group) member.graph.updateOptions({dateWindow: [from, to]});
  };

  const rangeOf = (chart) => {
    const values = chart.series.flatMap((s) => s.values).filter((v) => v !== null && v !== undefined);
    const bounds = (chart.lines || []).map((line) => line.value);
    if (chart.log) {
      const positive = values.filter((v) => v > 0);
      return [Math.min(...positive) * 0.7, Math.max(...positive) * 1.4];
    }
    return [0, chart.max || Math.max(...values, ...bounds, 1) * 1.12];
  };

  // Makes room for a chart and returns what draws it: a chart takes the size of its place, which
  // is settled only when all charts have theirs.
  const place = (chart, group, into, scenario) => {
    const figure = element('figure', 'chart ' + (chart.size || ''));
    const caption = element('figcaption');
    if (chart.title) caption.append(element('b', '', chart.title));
    caption.append(element('span', 'unit', chart.unitText || chart.unit));
    caption.append(legendOf(chart));
    figure.append(caption);
    into.append(figure);
    const measured = chart.series.some((s) => s.values.some((v) => v !== null && v !== undefined));
    if (!measured) {
      figure.append(element('p', 'plot empty', '– not measured in this run'));
      return () => {};
    }
    const plot = element('div', 'plot');
    plot.setAttribute('role', 'img');
    plot.setAttribute('aria-label', `${chart.title} over time`);
    figure.append(plot);
    return () => draw(chart, group, plot, scenario);
  };

  const draw = (chart, group, plot, scenario) => {
    const options = {};
    for (const s of chart.series) {
      options[s.label] = {color: s.color, strokeWidth: s.width || 1.5, strokePattern: s.dash || null,
        stepPlot: Boolean(chart.step), fillGraph: Boolean(s.fill)};
    }
    const rows = chart.x.map((t, i) => [t, ...chart.series.map((s) => {
      const value = s.values[i];
      return value === undefined || chart.log && value <= 0 ? null : value;
    })]);
    const member = {chart, plot, tooltip: null, graph: null};
    member.graph = new Dygraph(plot, rows, {
      labels: ['t', ...chart.series.map((s) => s.label)],
      series: options,
      legend: 'never',
      logscale: Boolean(chart.log),
      fillAlpha: 0.12,
      valueRange: rangeOf(chart),
      connectSeparatedPoints: Boolean(chart.connect),
      // A point that has no neighbour would not be seen.
      drawGapEdgePoints: true,
      highlightCircleSize: 3,
      axisLineColor: color('axis'),
      gridLineColor: color('grid'),
      gridLineWidth: 1,
      axisLabelFontSize: 11,
      rightGap: 8,
      underlayCallback: underlay(chart, scenario),
      highlightCallback: (event, x, points, row) => point(group, row),
      unhighlightCallback: () => point(group, null),
      zoomCallback: (from, to) => zoom(group, from, to),
      interactionModel: touch ? {} : Dygraph.defaultInteractionModel,
      axes: {
        x: {axisLabelFormatter: (t) => `${number(t)} s`, drawGrid: false, pixelsPerLabel: 55},
        y: {axisLabelWidth: 50, axisLabelFormatter: number, pixelsPerLabel: 32,
          ...(chart.log ? {ticker: logTicker} : {}),
          ...(chart.whole ? {ticker: (min, max) => {
            const step = Math.max(1, Math.ceil(max / 5));
            return Array.from({length: Math.floor(max / step) + 1}, (_, i) => ({v: i * step, label: String(i * step)}));
          }} : {})},
      },
    });
    group.push(member);
  };

  const chartsOf = (s) => {
    const x = s.t;
    // Replicas that do the same lie on one another: the earlier ones are drawn wider, so that each
    // of them shows.
    const replicas = (part) => s.replicas.map((r, i) => ({label: r.name, values: r[part],
      color: replicaColor(i), width: Math.min(1.5 + s.replicas.length - 1 - i, 4)}));
    const line = (value, label, name) => value === null ? [] : [{value, label: `${label} ${number(value)}`, color: name}];
    return [
      {title: 'Replicas', unit: '', unitText: '', x, step: true, whole: true, marks: true, steady: s.steady, max: Math.max(s.max || 0, ...s.ready, ...s.desired) + 0.9,
        series: [
          {label: 'ready', values: s.ready, color: color('c1'), width: 2, fill: true},
          {label: 'desired', values: s.desired, color: color('c2'), dash: [6, 4], width: 2}]},
      {title: 'CPU of each replica', unit: 'm', unitText: 'milli-CPU', x, series: replicas('cpu'),
        lines: [...line(s.limit, 'limit', 'alarm'), ...line(s.request, 'request', 'muted')]},
      {title: 'Requests', unit: '/s', unitText: 'per second', x, series: [
        {label: 'all', values: s.total, color: color('text'), width: 2.5}, ...replicas('requests')]},
      {title: 'Throttling', unit: '%', unitText: '% of CPU periods', x, series: replicas('throttled'), max: 109},
      {title: 'Latency, open-loop probe', unit: 'ms', unitText: 'ms, log scale', x, log: true, series: [
        {label: 'p50', values: s.p50, color: color('c1')},
        {label: 'p90', values: s.p90, color: color('c2')},
        {label: 'slowest', values: s.slowest, color: color('c4'), width: 2}]},
      {title: 'Load generator and machine', unit: 'm', unitText: 'milli-CPU', x, series: [
        {label: 'load generator', values: s.generator, color: color('c5')},
        {label: 'whole machine', values: s.host, color: color('c3')}],
        lines: s.cores === null ? [] : line(s.cores * 1000, `${number(s.cores)} cores =`, 'muted')},
    ];
  };

  // The scenarios over each other: a color for each maxReplicas, a dash for each connection count.
  const overviewOf = (part) => {
    const x = [...new Set(part.flatMap((s) => s.t))].sort((a, b) => a - b);
    const maxima = [...new Set(part.map((s) => s.max))];
    const loads = [...new Set(part.map((s) => s.connections))].sort((a, b) => a - b);
    const dashes = [null, [7, 4], [2, 3], [10, 3, 2, 3]];
    return {title: '', unit: '/s', unitText: 'requests per second, all replicas', x, size: 'tall', connect: true,
      series: part.map((s) => {
        const at = new Map(s.t.map((t, i) => [t, s.total[i]]));
        return {label: s.title, values: x.map((t) => at.has(t) ? at.get(t) : null), width: 2,
          color: color('c' + (maxima.indexOf(s.max) % 6 + 1)), dash: dashes[loads.indexOf(s.connections) % 4]};
      })};
  };

  const drawAll = () => {
    const later = [];
    for (const box of document.querySelectorAll('.charts')) box.replaceChildren();
    for (const section of document.querySelectorAll('.overview')) {
      const first = Number(section.dataset.first);
      const part = scenarios.slice(first, first + Number(section.dataset.count)).filter((s) => s.t.length);
      section.hidden = part.length < 2;
      if (!section.hidden) later.push(place(overviewOf(part), [], section.querySelector('.charts'), null));
    }
    for (const section of document.querySelectorAll('.scenario')) {
      const box = section.querySelector('.charts');
      if (!box) continue;
      const scenario = scenarios[Number(section.dataset.index)];
      const group = [];
      for (const chart of chartsOf(scenario)) later.push(place(chart, group, box, scenario));
    }
    for (const each of later) each();
  };

  drawAll();
  dark.addEventListener('change', drawAll);
  print.addEventListener('change', drawAll);
  window.addEventListener('beforeprint', () => {
    for (const each of document.querySelectorAll('details')) each.open = true;
  });
})();
