// What concerns all homes: the last night, its sessions by verdict, who needs attention, and what a search finds.

import { get, path } from "./api.js";
import { facts, h, load, pages, row, table } from "./dom.js";
import { age, at, day, daysAfter, exactKwh, kwh, percent, seconds, words } from "./format.js";
import { switchSection } from "./switch.js";

const ZONE = "Europe/London";

export const assetLink = (asset) => h("a", { href: `#/${path("assets", asset)}` }, asset);
export const siteLink = (site) => h("a", { href: `#/${path("sites", site)}` }, site);
export const sessionLink = (asset, session, ...text) => h("a", { href: `#/${path("assets", asset, "sessions", session)}` }, text);

/** The first page: the last night and who needs attention. */
export function overview(view, { scope }) {
  const night = h("section", { "aria-label": "The night" });
  const needy = h("section", { "aria-label": "Needs attention" });
  view.replaceChildren(h("h1", {}, "All homes"), night, needy, ...(scope === "operator" ? [switchSection()] : []));
  loadNight(night, "last");
  loadAttention(needy);
}

export function nightPage(view, night) {
  const host = h("section", { "aria-label": "The night" });
  view.replaceChildren(h("h1", {}, "A night of all homes"), host);
  loadNight(host, night);
}

function loadNight(host, night) {
  return load(host, "the night", () => get(path("nights", night)), (figures) => [
    h("h2", {}, `Night of ${day(figures.night)}`),
    figures.judged_at === null
      ? h("p", {}, "No session of this night has been judged yet. That happens from seven in the morning on, at 11 minutes past each hour, when the departure is over, and for all others after noon.")
      : nightFigures(figures),
    h("p", { class: "row screen" },
      h("a", { href: `#/nights/${daysAfter(figures.night, -1)}` }, "The night before"),
      h("a", { href: `#/nights/${daysAfter(figures.night, 1)}` }, "The night after")),
  ]);
}

function nightFigures(figures) {
  const lateness = figures.lateness;
  const late = (value) => (value === null ? null : seconds(value));
  const verdicts = [["Verdict"], ["Sessions", "number"], ["What it means"]];
  const commands = [["Outcome"], ["Commands", "number"], ["What it means"]];
  return [
    facts([
      ["sessions", figures.sessions],
      ["ready on time", figures.ready],
      ["short", figures.short],
      ["in the plan", kwh(figures.energy.in_plan_kwh)],
      ["out of the plan", kwh(figures.energy.out_of_plan_kwh)],
      ["Axle in sync", `${figures.axle_in_sync} of ${figures.sessions}`],
      ["half-hours measured", percent(figures.completeness)],
      ["from an edge to its command, median", late(lateness.median_s)],
      ["from an edge to 95 of 100 commands", late(lateness.p95_s)],
      ["from an edge to the latest command", late(lateness.worst_s)],
    ], "figures"),
    table("Sessions by verdict", verdicts, figures.verdicts.map((one) => row(verdicts, [
      h("a", { href: `#/${path("nights", figures.night, one.verdict)}` }, words(one.verdict)), one.sessions, one.text]))),
    figures.commands.length
      ? table("Commands by outcome", commands, figures.commands.map((one) => row(commands, [words(one.outcome), one.commands, one.text])))
      : h("p", {}, "No command was needed."),
    h("p", { class: "quiet" }, `As of ${at(figures.judged_at, ZONE)}.`),
  ];
}

/** The sessions of a night with a verdict. */
export function nightSessions(view, night, verdict) {
  const columns = [["Asset"], ["Energy, kWh", "number"], ["What happened"]];
  const host = h("section", { "aria-label": "Sessions" });
  view.replaceChildren(h("h1", {}, words(verdict)), h("p", {}, h("a", { href: `#/nights/${encodeURIComponent(night)}` }, `Night of ${day(night)}`)), host);
  const page = async (after) => {
    const answer = await get(path("nights", night, "sessions"), { verdict, after });
    const rows = answer.sessions.map((one) => row(columns, [
      assetLink(one.asset), exactKwh(one.energy_kwh), sessionLink(one.asset, one.session, one.text)]));
    return { rows, next: answer.next };
  };
  load(host, "the sessions", page, (first) => pages("Sessions", columns, "No session of the night has this verdict.", first, page));
}

function loadAttention(host) {
  const columns = [["Asset"], ["Site"], ["For", "time"], ["What is wrong, and what helps"]];
  const page = async (after) => {
    const answer = await get("assets", { attention: "any", after });
    const now = new Date(answer.asked_at);
    const rows = answer.assets.map((one) => row(columns, [
      assetLink(one.asset), siteLink(one.site), h("span", { title: at(one.attention.since, ZONE) }, age(one.attention.since, now)), one.attention.text]));
    return { rows, next: answer.next };
  };
  return load(host, "who needs attention", page, (first) => [
    h("h2", {}, "Needs attention"),
    pages("Cars that need attention, the longest first", columns, "No car needs attention.", first, page),
  ]);
}

/** What a search finds. */
export function found(view, name) {
  const columns = [["Asset"], ["Site"], ["Type"], ["Needs attention"]];
  const host = h("section", { "aria-label": "Found" });
  view.replaceChildren(h("h1", {}, "Found for ", h("q", {}, name)), host);
  load(host, "what is found", () => get("assets", { find: name }), ({ assets }) =>
    assets.length === 0
      ? h("p", {}, "There is no site, asset or vehicle with exactly this id. Check every letter: part of an id finds nothing.")
      : table("Assets", columns, assets.map((one) => row(columns, [
        assetLink(one.asset), siteLink(one.site), one.type.replaceAll("_", " "), one.attention?.text ?? "no"]))));
}

/** A site with its assets. */
export function site(view, name) {
  const columns = [["Asset"], ["Type"], ["State"], ["Plugged in"]];
  const host = h("section", { "aria-label": "The site" });
  view.replaceChildren(h("h1", {}, "Site ", name), host);
  load(host, "the site", () => get(path("sites", name)), (shown) => [
    facts([
      ["State", shown.state],
      ["At Axle", shown.enrolment ?? "not known"],
      ["Consent", at(shown.consent_at, shown.timezone)],
      ["Paused until", shown.snoozed_until && at(shown.snoozed_until, shown.timezone)],
      ["Still to come", shown.unfinished?.text],
      ["Last error", shown.unfinished?.last_error],
      ["Warnings", shown.warnings.length ? shown.warnings.join(" ") : null],
    ]),
    table("Assets", columns, shown.assets.map((one) => row(columns, [
      assetLink(one.asset), (one.type ?? "-").replaceAll("_", " "), one.state, one.plugged_in === undefined ? "-" : one.plugged_in ? "yes" : "no"]))),
  ]);
}
