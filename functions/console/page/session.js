// A session on a page that can be linked and printed.

import { get, path } from "./api.js";
import { facts, h, load, row, table } from "./dom.js";
import { assetLink } from "./fleet.js";
import { at, exactKwh, kwh, percent, seconds, words } from "./format.js";
import { picture } from "./picture.js";

export function sessionPage(view, asset, session) {
  const host = h("div");
  const heading = h("h1", {}, assetLink(asset));
  view.replaceChildren(heading, host);
  load(host, "the session", () => get(path("assets", asset, "sessions", session)), (shown) => {
    const zone = shown.timezone;
    heading.append(`: ${at(shown.plugged_in_at, zone)}`);
    return [
      h("p", { class: "lead" }, shown.text),
      h("p", { class: "row screen" }, h("button", { type: "button", onclick: () => print() }, "Print")),
      h("section", { "aria-label": "Picture" }, picture(asset, session, { atOnce: true })),
      h("section", { "aria-label": "Facts" }, h("h2", {}, "Facts"), sessionFacts(shown, zone)),
      departures(shown, zone),
      commands(shown, zone),
      halfHours(shown, zone),
      h("p", { class: "quiet" }, `Times: ${zone}. As of ${at(shown.asked_at, zone)}.`),
    ];
  });
}

function sessionFacts(shown, zone) {
  const cost = shown.cost.pence === null ? null : `${shown.cost.pence.toFixed(0)} pence`;
  return facts([
    ["Plugged in", at(shown.plugged_in_at, zone)],
    ["Began", at(shown.opened_at, zone)],
    ["Ended", shown.closed_at === null ? "goes on" : at(shown.closed_at, zone)],
    ["Verdict", words(shown.verdict)],
    ["Energy", kwh(shown.energy_kwh)],
    ["In the plan", kwh(shown.energy.in_plan_kwh)],
    ["Out of the plan", kwh(shown.energy.out_of_plan_kwh)],
    ["Off-peak", kwh(shown.energy.off_peak_kwh)],
    ["Cost", cost],
    ["Measured", percent(shown.completeness)],
    ["Car", shown.vehicle_id],
    ["State of charge", shown.soc_pct === null ? null : `${shown.soc_pct} %`],
  ]);
}

function departures(shown, zone) {
  const columns = [["Ready by", "time"], ["Wanted, kWh", "number"], ["Got, kWh", "number"], ["What happened"]];
  const rows = shown.departures.map((one) => row(columns, [
    at(one.ready_by, zone), one.wanted_kwh === null ? "-" : exactKwh(one.wanted_kwh), exactKwh(one.got_kwh), one.text]));
  return h("section", { "aria-label": "Departures" }, h("h2", {}, "Departures"), table("What was wanted by when", columns, rows));
}

function commands(shown, zone) {
  const columns = [["Due", "time"], ["Command"], ["Sent after", "number"], ["Attempts", "number"], ["Outcome"]];
  const rows = shown.command_runs.map((one) => row(columns, [
    at(one.due_at, zone, true), `${one.action}: ${one.text}`, seconds(one.sent_after_s), one.attempts, one.outcome_text ?? "none yet"]));
  return h("section", { "aria-label": "Commands" }, h("h2", {}, "Commands"),
    rows.length ? table("Commands to the car", columns, rows) : h("p", {}, "No command was needed."));
}

function halfHours(shown, zone) {
  const columns = [["Half-hour", "time"], ["kWh", "number"], ["Accepted by Axle, kWh", "number"], ["Axle's answer"]];
  const rows = shown.half_hours.map((one) => row(columns, [
    at(one.start, zone), exactKwh(one.energy_kwh), one.axle_accepted_kwh === null ? "-" : one.axle_accepted_kwh.toFixed(3), one.axle_rejected ?? ""]));
  return h("section", { "aria-label": "Half-hours" }, h("h2", {}, "Half-hours"), table("Energy by half-hour", columns, rows, { narrow: true }));
}
