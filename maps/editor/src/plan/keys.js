// What a key means while a plan is open.
import { TOOLS } from "./tools.js";

/** @typedef {import("./tools").ToolName | "undo" | "redo" | "delete" | "escape" | "finish" | "pin" | "snap" | "check" | "keys"} Command */

/**
 * @param {{ key: string, ctrlKey: boolean, metaKey: boolean, shiftKey: boolean, altKey: boolean }} event
 * @returns {Command | null}
 */
export function commandOf({ key, ctrlKey, metaKey, shiftKey, altKey }) {
  if (altKey) return null;
  const letter = key.toUpperCase();
  if (ctrlKey || metaKey) {
    if (letter === "Z") return shiftKey ? "redo" : "undo";
    return letter === "Y" ? "redo" : null;
  }
  if (key === "Escape") return "escape";
  if (key === "Enter") return "finish";
  if (key === "Delete") return "delete";
  if (key === "?") return "keys";
  if (letter === "K") return "pin";
  if (letter === "A") return "snap";
  if (letter === "N") return "check";
  return TOOLS.find(({ key: own, also }) => own === letter || also === letter)?.name ?? null;
}
