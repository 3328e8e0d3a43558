// Long work: the service does it as a job, and the page asks how far it is.
import * as api from "./api.js";

/** @typedef {import("./contract").Job} Job */

/** Milliseconds between two looks at a job. */
const PAUSE_MS = 400;

/**
 * Waits for a job.
 *
 * @template T
 * @param {number} number
 * @param {(job: Job) => void} onprogress told of every look
 * @param {string} failed title of the problem when the job failed
 * @returns {Promise<T>} its result
 */
export async function follow(number, onprogress, failed) {
  for (;;) {
    const job = await api.job(number);
    onprogress(job);
    if (job.status === "done") return /** @type {T} */ (job.result);
    if (job.status === "failed") throw new api.Problem({ title: failed, detail: job.message }, 409);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
