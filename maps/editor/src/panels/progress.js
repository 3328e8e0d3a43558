// How far a job is.
import { h } from "../dom.js";
import { t } from "../language.js";

/** @param {import("../contract").Job} job */
export const progress = (job) =>
  h(
    "div",
    { class: "progress", role: "status" },
    h("progress", { max: 100, value: job.percent, "aria-label": t("job") }),
    h("span", {}, h("b", { class: "number" }, `${Math.round(job.percent)}% `), job.message || t("job.waiting")),
  );
