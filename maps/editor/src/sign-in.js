// The sign-in page: sends the form, says what went wrong, and goes to the map.
import "./styles/sign-in.css";
import * as api from "./api.js";

const form = /** @type {HTMLFormElement} */ (document.getElementById("sign-in"));
const problem = /** @type {HTMLElement} */ (document.getElementById("problem"));
const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));

/** @param {string} text */
function say(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = new FormData(form);
  const name = String(fields.get("name") ?? "").trim();
  const password = String(fields.get("password") ?? "");
  if (!name || !password) {
    say("请填写账号和密码。 Enter your account and password.");
    /** @type {HTMLElement} */ (form.elements.namedItem(name ? "password" : "name")).focus();
    return;
  }
  say("");
  button.disabled = true;
  try {
    await api.signIn(name, password);
    location.assign("/");
  } catch (error) {
    if (!(error instanceof api.Problem)) throw error;
    say(`${error.message} ${error.remedy}`.trim());
    const box = /** @type {HTMLInputElement} */ (form.elements.namedItem("password"));
    box.value = "";
    box.focus();
  } finally {
    button.disabled = false;
  }
});

const said = new URLSearchParams(location.search).get("problem");
if (said === "link") say("登录链接无效、已用过或已过期，请用账号登录，或请管理员再发一个。");
