// The operator's switch for everything.

import { get, putBody } from "./api.js";
import { failed, h, load, put } from "./dom.js";
import { at, many } from "./format.js";

const ASK = {
  released: ["Release every car", "Every car is released and charges as it likes, whatever Axle and the drivers want, until you take control up again."],
  running: ["Take control up again", "Every car is controlled again by its plan."],
};

export function switchSection() {
  const host = h("section", { "aria-label": "The switch for everything" });
  reload(host);
  return host;
}

function reload(host) {
  load(host, "the switch", () => get("control"), (shown) => {
    const other = shown.state === "running" ? "released" : "running";
    const since = shown.since ? ` since ${at(shown.since, "Europe/London")}` : "";
    const held = `${shown.cars_held.counted_all ? "" : "At least "}${many(shown.cars_held.held, "car is held", "cars are held")} by what we sent.`;
    return [
      h("h2", {}, "The switch for everything"),
      h("p", {}, shown.state === "running" ? `Cars are controlled${since}. ${held}` : `Every car is released${since}. ${held}`),
      h("button", { type: "button", class: other === "released" ? "grave" : null, onclick: () => confirm(host, other) }, ASK[other][0]),
    ];
  });
}

function confirm(host, state) {
  const [title, text] = ASK[state];
  const trouble = h("div");
  const dialog = h("dialog", { "aria-labelledby": "switch-title", onclose: () => dialog.remove() },
    h("h2", { id: "switch-title" }, title),
    h("p", {}, text),
    trouble,
    h("p", { class: "row" },
      h("button", { type: "button", class: "grave", onclick: () => act() }, title),
      h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Change nothing")));
  async function act() {
    try {
      await putBody("control", { state });
      dialog.close();
      reload(host);
    } catch (failure) {
      put(trouble, failed(failure, null));
    }
  }
  document.body.append(dialog);
  dialog.showModal();
}
