// The box beside the pointer: what the edit under way would do.
import { fill, h } from "../dom.js";

/** Pixels between the pointer and the box. */
const AWAY_PX = 18;

/** @returns {{ element: HTMLElement, show: (lines: import("../plan/live").Line[] | null) => void, move: (pixel: number[]) => void }} */
export function pointerBox() {
  const element = h("div", { class: "live", id: "live", role: "status", hidden: true });
  return {
    element,
    show: (lines) => {
      element.hidden = lines === null || lines.length === 0;
      fill(element, (lines ?? []).map(({ text, strong, kind }) => h("p", { class: kind ?? null }, strong ? h("b", {}, strong) : null, strong ? " " : null, text)));
    },
    move: ([x, y]) => {
      const { clientWidth = 0, clientHeight = 0 } = element.parentElement ?? {};
      // On the other side of the pointer where there is no room on this one.
      const right = x + AWAY_PX + element.offsetWidth <= clientWidth;
      const below = y + AWAY_PX + element.offsetHeight <= clientHeight;
      const [left, top] = [right ? x + AWAY_PX : x - AWAY_PX - element.offsetWidth, below ? y + AWAY_PX : y - AWAY_PX - element.offsetHeight];
      element.style.transform = `translate(${Math.round(Math.max(0, left))}px, ${Math.round(Math.max(0, top))}px)`;
    },
  };
}
