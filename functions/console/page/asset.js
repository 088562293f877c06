// One asset: its state, why, what comes next, its last nights, its timeline and its readings.

import { get, path, post } from "./api.js";
import { announce, facts, failed, h, load, pages, put, row, table } from "./dom.js";
import { sessionLink, siteLink } from "./fleet.js";
import { at, day, exactKwh, kwh, percent, yesOrNo } from "./format.js";
import { picture } from "./picture.js";

export function assetPage(view, asset) {
  const top = h("div");
  const nights = h("section", { "aria-label": "Last nights" });
  const timeline = h("section", { "aria-label": "Timeline" });
  const readings = h("section", { "aria-label": "Readings" });
  view.replaceChildren(h("h1", {}, asset), top);
  load(top, "the asset", () => get(path("assets", asset)), (shown) => {
    const zone = shown.tariff?.timezone ?? "Europe/London";
    view.append(nights, timeline, readings);
    loadNights(nights, asset);
    loadTimeline(timeline, asset, zone);
    loadReadings(readings, asset, zone, null);
    return [state(shown, zone), acts(asset, () => assetPage(view, asset))];
  });
}

function state(shown, zone) {
  const advice = shown.banner.unmet.map((one) => h("li", {}, one.text));
  const next = shown.next_edge && `${shown.next_edge.charge ? "Charging may begin" : "Charging ends"} ${at(shown.next_edge.at, zone)}.`;
  const behind = shown.axle.unacknowledged_since;
  const axle = shown.axle.in_sync ? "in sync" : behind ? `behind since ${at(behind, zone)}` : "not in sync yet";
  const command = shown.command && `${shown.command.action}: ${shown.command.state}, ${at(shown.command.at, zone)}`;
  return h("section", { "aria-label": "State" },
    h("p", { class: "lead" }, shown.banner.text),
    advice.length ? [h("h2", {}, "What helps"), h("ul", {}, advice)] : null,
    h("h2", {}, "State, why, and what comes next"),
    facts([
      ["Why", shown.desired.text],
      ["Held back", shown.held_back?.text],
      ["Next", next ?? "No change is ahead."],
      ["Forecast", shown.forecast?.text],
      ["Plugged in", yesOrNo(shown.plugged_in)],
      ["At home", yesOrNo(shown.at_home)],
      ["Charging", shown.charging && shown.power_kw ? `yes, ${shown.power_kw} kW` : yesOrNo(shown.charging)],
      ["State of charge", shown.soc_pct === null ? "not known" : `${shown.soc_pct} %`],
      ["Last command", command],
      ["Axle", axle],
      ["Axle's last error", shown.axle.last_error],
      ["Car maker", shown.needs_user],
      ["Paused until", shown.snoozed_until && at(shown.snoozed_until, zone)],
      ["Takes part", yesOrNo(shown.enrolled)],
      ["Site", siteLink(shown.site)],
      ["Times", zone],
    ]));
}

function acts(asset, reload) {
  const said = h("p", { role: "status" });
  const act = (name, text) => h("button", { type: "button", onclick: async (event) => {
    event.target.disabled = true;
    put(said, "Sending …");
    try {
      put(said, (await post(path("assets", asset, name))).text);
    } catch (failure) {
      put(said, failed(failure, null));
    }
    event.target.disabled = false;
  } }, text);
  return h("p", { class: "row screen" },
    act("look", "Look now"), act("retell", "Report refused readings again"),
    h("button", { type: "button", onclick: reload }, "Show the present state"), said);
}

function loadNights(host, asset) {
  const earlier = h("button", { type: "button" }, "Earlier nights");
  const list = h("div");
  const trouble = h("div");
  let zone = "";
  const add = (answer) => {
    zone = answer.timezone;
    list.append(...answer.sessions.map((one) => night(asset, one, zone)));
    earlier.hidden = answer.next === null;
    earlier.onclick = () => more(answer.next);
  };
  async function more(before) {
    earlier.disabled = true;
    put(trouble, h("p", { class: "quiet" }, "Loading …"));
    try {
      add(await get(path("assets", asset, "sessions"), { before }));
      announce("Earlier nights are shown");
      put(trouble);
    } catch (failure) {
      put(trouble, failed(failure, null));
    }
    earlier.disabled = false;
  }
  return load(host, "the last nights", () => get(path("assets", asset, "sessions")), (answer) => {
    add(answer);
    return [h("h2", {}, "Last nights"), answer.sessions.length ? list : h("p", {}, "There is no night yet."), earlier, trouble];
  });
}

function night(asset, one, zone) {
  const title = `Night of ${day(one.night)}`;
  if (one.session === null) return h("article", { class: "night" }, h("h3", {}, title), h("p", {}, one.text));
  const until = one.closed_at === null ? "still plugged in" : `until ${at(one.closed_at, zone)}`;
  return h("article", { class: "night" },
    h("h3", {}, sessionLink(asset, one.session, title)),
    h("p", {}, one.text),
    h("p", { class: "quiet" }, `${kwh(one.energy_kwh)}, plugged in from ${at(one.plugged_in_at, zone)} ${until}`),
    picture(asset, one.session));
}

function loadTimeline(host, asset, zone) {
  const columns = [["Time", "time"], ["What happened"], ["Event"]];
  const page = async (before) => {
    const answer = await get(path("assets", asset, "timeline"), { limit: 25, before });
    return { rows: answer.entries.map((one) => row(columns, [at(one.at, zone, true), one.text, one.event])), next: answer.next };
  };
  return load(host, "the timeline", page, (first) => [
    h("h2", {}, "Timeline"),
    pages("What happened, newest first", columns, "Nothing happened yet.", first, page, "Earlier entries"),
  ]);
}

function loadReadings(host, asset, zone, to) {
  const columns = [["Half-hour", "time"], ["kWh", "number"], ["Report"], ["Axle's answer"]];
  const ask = () => get(path("assets", asset, "readings"), { to });
  return load(host, "the readings", ask, (answer) => {
    const rows = answer.half_hours.map((one) => row(columns, [
      at(one.start, zone), exactKwh(one.kwh), one.report.state, one.report.answer ?? ""]));
    return [
      h("h2", {}, "Readings"),
      h("p", {}, `${at(answer.from, zone)} to ${at(answer.to, zone)}`),
      rows.length ? table("Half-hours, oldest first", columns, rows, { narrow: true }) : h("p", {}, "No report showed the car plugged in at home, so there is no half-hour."),
      h("p", { class: "row" },
        h("button", { type: "button", onclick: () => loadReadings(host, asset, zone, answer.from) }, "The day before"),
        to === null ? null : h("button", { type: "button", onclick: () => loadReadings(host, asset, zone, null) }, "The last day")),
    ];
  });
}
