// Elements, made without any parsing of text: what a name holds is shown, and never becomes markup.

/** An element with properties (`class`, `onclick`, or any attribute) and children: nodes, texts, lists; null is nothing. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  put(element, ...children);
  return element;
}

/** Replaces what an element holds. */
export function put(element, ...children) {
  element.replaceChildren(...children.flat(3).filter((child) => child !== null && child !== undefined));
}

/** Tells a screen reader something that others see. */
export function announce(text) {
  document.getElementById("announced").textContent = text;
}

/** Shows that something is loading, then it, or a sentence with a button to try again. */
export async function load(host, what, ask, show) {
  host.setAttribute("aria-busy", "true");
  put(host, h("p", { class: "quiet" }, `Loading ${what} …`));
  try {
    const answer = await ask();
    put(host, show(answer));
  } catch (failure) {
    put(host, failed(failure, () => load(host, what, ask, show)));
  } finally {
    host.removeAttribute("aria-busy");
  }
}

/** A failure as sentences, with a button where trying again can help. */
export function failed(failure, again) {
  const mayHelp = again && (failure.mayHelp ?? false);
  return h("div", { role: "alert" },
    h("p", { class: "failure" }, failure.message),
    mayHelp ? h("button", { type: "button", onclick: again }, "Try again") : null,
    failure.mayHelp === undefined ? h("p", { class: "quiet" }, "This is a fault of the page. Reload it, and report it if it stays.") : null);
}

/** Names and values. Values may be nodes. */
export function facts(pairs, kind = "facts") {
  const rows = pairs.filter(([, value]) => value !== null && value !== undefined);
  const cells = rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
  return h("dl", { class: kind }, kind === "figures" ? cells.map((pair) => h("div", {}, pair)) : cells);
}

/**
 * A table that scrolls by itself where it is too wide. Columns are [heading, class].
 *
 * On a phone the cells of a row stand below one another, each with its heading, unless the table is `narrow`. The roles
 * are written out, since a browser may forget them then.
 */
export function table(caption, columns, rows, { narrow = false } = {}) {
  const headings = columns.map(([heading, kind]) => h("th", { scope: "col", role: "columnheader", class: kind }, heading));
  return h("div", { class: narrow ? "scrolls" : "scrolls stacks", tabindex: "0", role: "region", "aria-label": caption },
    h("table", { role: "table" },
      h("caption", {}, caption),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, headings)),
      h("tbody", { role: "rowgroup" }, rows)));
}

/** A row of a table. */
export function row(columns, cells) {
  return h("tr", { role: "row" }, cells.map((cell, place) =>
    h("td", { role: "cell", class: columns[place][1], "data-heading": columns[place][0] }, cell)));
}

/** A table whose next page is asked for by a button. `page(after)` gives rows and the next place. */
export function pages(caption, columns, nothing, first, page, more = "Show more") {
  const shown = table(caption, columns, first.rows);
  const rows = shown.querySelector("tbody");
  const host = h("div");
  const button = h("button", { type: "button", onclick: () => next(first.next) }, more);
  const trouble = h("div");
  async function next() {
    button.disabled = true;
    put(trouble, h("p", { class: "quiet" }, "Loading …"));
    try {
      const answer = await page(button.after_place);
      rows.append(...answer.rows);
      announce(`${answer.rows.length} more rows`);
      put(trouble);
      offer(answer.next);
    } catch (failure) {
      put(trouble, failed(failure, null));
      button.disabled = false;
    }
  }
  function offer(place) {
    button.after_place = place;
    button.disabled = false;
    button.hidden = place === null;
  }
  offer(first.next);
  if (first.rows.length === 0 && first.next === null) return h("p", {}, nothing);
  put(host, shown, h("p", {}, button), trouble);
  return host;
}
