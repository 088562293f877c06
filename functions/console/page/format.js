// Times, amounts and ages as people read them.

const made = new Map();

function clock(zone, options) {
  const key = JSON.stringify([zone, options]);
  if (!made.has(key)) made.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options }));
  return made.get(key);
}

/** An instant as "Thu 15 Jan 23:30" in a zone; "-" for none. */
export function at(instant, zone, seconds = false) {
  if (!instant) return "-";
  const options = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  return clock(zone, seconds ? { ...options, second: "2-digit" } : options).format(new Date(instant)).replaceAll(",", "");
}

/** A date as "Thursday 15 January 2026". */
export function day(date) {
  const options = { weekday: "long", day: "numeric", month: "long", year: "numeric" };
  return clock("UTC", options).format(new Date(`${date}T00:00:00Z`)).replaceAll(",", "");
}

/** The date that lies so many days after another. */
export function daysAfter(date, days) {
  const moved = new Date(`${date}T00:00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}

export function kwh(value) {
  return value === null || value === undefined ? "not measured" : `${value.toFixed(1)} kWh`;
}

export function exactKwh(value) {
  return value === null || value === undefined ? "not measured" : value.toFixed(3);
}

export function percent(share) {
  return `${Math.floor(share * 1000) / 10} %`;
}

export function seconds(value) {
  return value === null || value === undefined ? "-" : `${value.toFixed(1)} s`;
}

export function yesOrNo(value) {
  return value === null || value === undefined ? "not known" : value ? "yes" : "no";
}

/** A code as words: `SHORT_PLAN` is "Short plan", `CommandFailed` is "Command failed". */
export function words(code) {
  const spaced = code.replaceAll("_", " ").replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return spaced[0].toUpperCase() + spaced.slice(1);
}

export function many(number, one, several) {
  return `${number} ${number === 1 ? one : several}`;
}

/** How long ago an instant was, by the clock of the service if it is known: "3 hours". */
export function age(instant, now) {
  const minutes = Math.max(0, Math.round((now - new Date(instant)) / 60000));
  if (minutes < 60) return many(minutes, "minute", "minutes");
  if (minutes < 48 * 60) return many(Math.round(minutes / 60), "hour", "hours");
  return many(Math.round(minutes / 1440), "day", "days");
}
