// Draws a page's figures from their specifications: in its colours, at its width, without eval.
"use strict";

(() => {
  const NARROW = 560; // pixels of a figure below which legends stand above it
  const NARROW_LETTERS = 19;
  const MOST_LETTERS = 44;
  const WIDE_LETTER = 1.6;
  const NAMES = new Set(["names", "rows", "columns"]);
  const TWO_LINES = 1.2; // times as high as a row of one
  const SQUARE = 480;
  const AROUND = 110; // pixels for what stands beside a square
  const DOWNLOAD_WIDTH = 760;
  const PNG_SCALE = 3;
  const PNG_MAX = 16_000; // pixels; browsers give no larger canvas
  const SETTLE_MS = 150;
  const DATA = new Set(["data", "datasets", "params", "usermeta"]);
  const views = new WeakMap();
  const drawnAt = new WeakMap();

  // Colours stand in specifications by name; what strangers wrote stands in the data alone.
  function paint(part, colour) {
    if (typeof part === "string") {
      const name = part.match(/^var\((--[a-z0-9-]+)\)$/);
      return name ? colour(name[1]) : part;
    }
    if (Array.isArray(part)) return part.map((each) => paint(each, colour));
    if (part === null || typeof part !== "object") return part;
    return Object.fromEntries(
      Object.entries(part).map(([key, value]) => [key, DATA.has(key) ? value : paint(value, colour)]),
    );
  }

  function themeFor(style, isNarrow) {
    const colour = (name) => style.getPropertyValue(name).trim();
    return {
      aria: false,
      background: "transparent",
      font: style.fontFamily,
      padding: 4,
      view: { stroke: null },
      axis: {
        labelColor: colour("--ink"), titleColor: colour("--ink-soft"),
        domainColor: colour("--edge"), tickColor: colour("--edge"), gridColor: colour("--line"),
        labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", titlePadding: 8,
        labelLimit: isNarrow ? 124 : 280,
      },
      axisTop: { labelLimit: 280 },
      axisLeft: isNarrow ? { labelFontSize: 10, labelLineHeight: 11 } : {},
      legend: {
        titleColor: colour("--ink-soft"), titleFontSize: 12, titleFontWeight: "normal",
        labelColor: colour("--ink"), labelFontSize: 12, labelLimit: 320,
        orient: isNarrow ? "top" : "right", direction: "vertical",
        symbolSize: 90, symbolStrokeWidth: 2,
      },
      header: { labelColor: colour("--ink"), labelFontSize: 12, labelFontWeight: "normal" },
      text: { color: colour("--ink"), fontSize: 12, limit: isNarrow ? 66 : 140 },
    };
  }

  // In letters of the Latin alphabet; those of Japanese take more room.
  const widthOf = (name) =>
    name.length + (WIDE_LETTER - 1) * (name.match(/[\u2e80-\uffef]/g)?.length ?? 0);

  // The first letters that are together no wider than this.
  function startOf(letters, most) {
    let width = 0;
    return letters.filter((letter) => (width += widthOf(letter)) <= most);
  }

  // Names of one family differ at their ends, so a long one is cut in the middle.
  function shorten(name, most) {
    if (widthOf(name) <= most) return name;
    const half = Math.floor((most - 1) / 2);
    const end = startOf([...name].reverse(), half).reverse();
    return `${startOf([...name], half).join("")}…${end.join("")}`;
  }

  // On a phone, two lines before anything is cut.
  function fold(name) {
    const short = shorten(name, 2 * NARROW_LETTERS);
    if (widthOf(short) <= NARROW_LETTERS) return short;
    const middle = widthOf(short) / 2;
    const away = (place) => Math.abs(widthOf(short.slice(0, place)) - middle);
    const gaps = [...short.matchAll(/[\s\-_/·]/g)].map(({ index }) => index + 1);
    const nearest = gaps.sort((one, other) => away(one) - away(other))[0] ?? 0;
    const half = startOf([...short], Math.ceil(middle)).length;
    const cut = away(nearest) < NARROW_LETTERS / 3 ? nearest : half;
    return [short.slice(0, cut).trim(), short.slice(cut)];
  }

  function fit(spec, width) {
    const { shape } = spec.usermeta;
    for (const param of spec.params ?? [])
      if (NAMES.has(param.name)) {
        const folds = width < NARROW && param.name !== "columns";
        param.value = param.value.map((name) => (folds ? fold(name) : shorten(name, MOST_LETTERS)));
        if (folds && shape === "wide") spec.height = Math.round(spec.height * TWO_LINES);
      }
    if (shape === "wide") spec.width = width;
    if (shape === "square") spec.width = spec.height = Math.min(SQUARE, width - AROUND);
    return spec;
  }

  function makeView(figure, style, width, options) {
    const colour = (name) => style.getPropertyValue(name).trim();
    const spec = JSON.parse(figure.querySelector("script[type='application/json']").textContent);
    const isNarrow = width < NARROW;
    const config = themeFor(style, isNarrow);
    if (options.background) config.background = options.background;
    const compiled = vegaLite.compile(fit(paint(spec, colour), width), { config }).spec;
    return new vega.View(vega.parse(compiled, null, { ast: true }), {
      expr: vega.expressionInterpreter,
      hover: false,
      ...options,
    });
  }

  async function draw(figure) {
    const box = figure.querySelector(".drawing");
    const width = figure.clientWidth;
    if (!width) return; // folded away: drawn when it is unfolded
    drawnAt.set(figure, width);
    views.get(figure)?.finalize();
    box.replaceChildren();
    const canvas = box.appendChild(document.createElement("div"));
    canvas.ariaHidden = "true";
    const options = { renderer: "svg", container: canvas };
    const view = makeView(figure, getComputedStyle(figure), width, options);
    views.set(figure, view);
    await view.runAsync();
    figure.dataset.drawn = "";
    for (const button of figure.querySelectorAll("[data-save]")) button.hidden = false;
  }

  function save(name, blob) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  // For a paper: on white, in the colours for light, at one width whatever the screen's is.
  async function download(figure, format) {
    const sheet = figure.appendChild(document.createElement("div"));
    sheet.className = "on-white";
    const options = { renderer: "none", background: "white" };
    const view = makeView(figure, getComputedStyle(sheet), DOWNLOAD_WIDTH, options);
    sheet.remove();
    await view.runAsync();
    const name = `${figure.dataset.file}.${format}`;
    if (format === "svg") {
      save(name, new Blob([await view.toSVG()], { type: "image/svg+xml" }));
    } else {
      const longest = Math.max(view.width(), view.height());
      const canvas = await view.toCanvas(Math.min(PNG_SCALE, PNG_MAX / longest));
      canvas.toBlob((blob) => save(name, blob), "image/png");
    }
    view.finalize();
  }

  const all = () => document.querySelectorAll("figure[data-file]");
  const drawAll = () => all().forEach((figure) => draw(figure));

  let waiting = null;
  const resized = new ResizeObserver((entries) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      for (const figure of all()) if (drawnAt.get(figure) !== figure.clientWidth) draw(figure);
    }, entries.some(({ target }) => !drawnAt.has(target)) ? 0 : SETTLE_MS);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-save]");
    if (button) download(button.closest("figure"), button.dataset.save);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  drawAll();
  all().forEach((figure) => resized.observe(figure));
})();
