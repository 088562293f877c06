// A night as a picture: the service draws it, with tooltips and with a description for screen readers.

import { getText, path } from "./api.js";
import { failed, h, put } from "./dom.js";

const NARROWEST = 320;
const WIDEST = 1000;
const waiting = new Map();
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((one) => one.isIntersecting)) {
    seen.unobserve(entry.target);
    waiting.get(entry.target)?.();
    waiting.delete(entry.target);
  }
}, { rootMargin: "300px" });

/** The picture of a session. It is asked for when it comes near the reader's view, or at once. */
export function picture(asset, session, { atOnce = false } = {}) {
  const host = h("div", { class: "picture" });
  const draw = () => show(host, asset, session);
  if (atOnce) requestAnimationFrame(draw);
  else {
    waiting.set(host, draw);
    seen.observe(host);
  }
  return host;
}

async function show(host, asset, session) {
  const width = Math.max(NARROWEST, Math.min(WIDEST, Math.floor(host.clientWidth) || WIDEST));
  put(host, h("p", { class: "quiet" }, "Loading the picture …"));
  try {
    const text = await getText(path("assets", asset, "sessions", session), { width }, "image/svg+xml");
    put(host, drawn(text));
  } catch (failure) {
    put(host, failed(failure, () => show(host, asset, session)));
  }
}

// The picture has a root of its own, so that its styles and ids meet no others. Inline styles are forbidden on this
// page, so the picture's style sheet is taken out and adopted.
function drawn(text) {
  const start = text.indexOf("<style>");
  const end = text.indexOf("</style>");
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text.slice(start + "<style>".length, end));
  const parsed = new DOMParser().parseFromString(text.slice(0, start) + text.slice(end + "</style>".length), "image/svg+xml");
  const holder = h("div");
  const root = holder.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet];
  const svg = document.importNode(parsed.documentElement, true);
  svg.setAttribute("width", "100%");
  root.append(svg);
  return holder;
}
