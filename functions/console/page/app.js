// Signs the reader in and shows the page that the address names. The address keeps everything but the token.

import { get, use } from "./api.js";
import { assetPage } from "./asset.js";
import { announce, put } from "./dom.js";
import { found, nightPage, nightSessions, overview, site } from "./fleet.js";
import { sessionPage } from "./session.js";

const main = document.getElementById("main");
const view = document.getElementById("view");
const signIn = document.getElementById("sign-in");
const search = document.getElementById("search");
const reader = document.getElementById("reader");
const refused = document.getElementById("refused");
let caller = null;

function route() {
  if (caller === null) return;
  const parts = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decoded);
  const [first, second, third, fourth] = parts;
  if (first === "assets" && third === "sessions" && fourth) sessionPage(view, second, fourth);
  else if (first === "assets" && second) assetPage(view, second);
  else if (first === "sites" && second) site(view, second);
  else if (first === "nights" && third) nightSessions(view, second, third);
  else if (first === "nights" && second) nightPage(view, second);
  else if (first === "find" && second) found(view, second);
  else overview(view, caller);
  const name = second ?? "all homes";
  document.title = `${name} - Driveway console`;
  announce(`Page: ${name}`);
  scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function signOut(sentence, kind = "failure") {
  caller = null;
  use(null);
  put(view);
  show();
  put(refused, sentence);
  refused.className = kind;
  document.getElementById("token").focus();
}

function show() {
  signIn.hidden = caller !== null;
  search.hidden = reader.hidden = caller === null;
  reader.querySelector("span").textContent = caller === null ? "" : `${caller.name} (${caller.scope})`;
}

signIn.addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = document.getElementById("token");
  const button = signIn.querySelector("button");
  put(refused);
  button.disabled = true;
  use(field.value.trim());
  try {
    caller = await get("caller");
    use(field.value.trim(), signOut);
    field.value = "";
    show();
    route();
  } catch (failure) {
    use(null);
    put(refused, failure.message);
    refused.className = "failure";
    field.focus();
  } finally {
    button.disabled = false;
  }
});

search.addEventListener("submit", (event) => {
  event.preventDefault();
  const wanted = `#/find/${encodeURIComponent(document.getElementById("find").value.trim())}`;
  if (location.hash === wanted) route();
  else location.hash = wanted;
});

reader.querySelector("button").addEventListener("click", () => signOut("You are signed out.", "quiet"));
document.getElementById("skip").addEventListener("click", () => main.focus());
addEventListener("hashchange", route);
document.getElementById("token").focus();
