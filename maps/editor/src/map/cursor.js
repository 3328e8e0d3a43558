// A cursor on the map for those who work without a mouse: arrow keys move it, Enter clicks, the space bar takes hold of
// what is under it and lets go. It acts by the same events as a mouse, so that every tool works with it.

/** Pixels that an arrow key moves it: finely with Shift. */
const STEP_PX = 20;
const FINE_PX = 2;

/** Pixels from the edge at which the map moves instead. */
const EDGE_PX = 40;

/** The cursor of one map. */
export class KeyCursor {
  /**
   * @param {import("ol/Map.js").default} map
   * @param {HTMLElement} element that has the keyboard's focus
   */
  constructor(map, element) {
    this.map = map;
    this.element = element;
    this.mark = document.createElement("i");
    this.mark.className = "key-cursor";
    this.mark.id = "key-cursor";
    this.mark.hidden = true;
    element.append(this.mark);
    /** @type {[number, number]} */
    this.at = [0, 0];
    /** Whether it holds something. */
    this.holds = false;
    element.addEventListener("blur", () => this.hide());
    element.addEventListener("pointerdown", (event) => {
      if (event.isTrusted) this.hide();
    });
  }

  get shown() {
    return !this.mark.hidden;
  }

  hide() {
    if (this.holds) this.#send("pointerup");
    this.holds = false;
    this.mark.hidden = true;
  }

  /** Obeys a key pressed on the map; false when it means nothing here.
   * @param {KeyboardEvent} event
   */
  press(event) {
    const step = event.shiftKey ? FINE_PX : STEP_PX;
    switch (event.key) {
      case "ArrowLeft":
        return this.#move(-step, 0);
      case "ArrowRight":
        return this.#move(step, 0);
      case "ArrowUp":
        return this.#move(0, -step);
      case "ArrowDown":
        return this.#move(0, step);
      case "Enter":
        if (!this.shown) return false;
        this.#send("pointermove", event.shiftKey);
        this.#send("pointerdown", event.shiftKey);
        this.#send("pointerup", event.shiftKey);
        return true;
      case " ":
        if (!this.shown) return false;
        this.holds = !this.holds;
        if (this.holds) this.#send("pointermove");
        this.#send(this.holds ? "pointerdown" : "pointerup");
        this.mark.classList.toggle("holds", this.holds);
        return true;
      default:
        return false;
    }
  }

  /** @param {number} right @param {number} down */
  #move(right, down) {
    const [width, height] = this.map.getSize() ?? [0, 0];
    if (!this.shown) {
      this.at = [Math.round(width / 2), Math.round(height / 2)];
      this.mark.hidden = false;
    } else {
      const [x, y] = [this.at[0] + right, this.at[1] + down];
      const [kept, held] = [Math.min(width - EDGE_PX, Math.max(EDGE_PX, x)), Math.min(height - EDGE_PX, Math.max(EDGE_PX, y))];
      if ((kept !== x || held !== y) && !this.holds) this.#pan(x - kept, y - held);
      this.at = [kept, held];
    }
    this.mark.style.transform = `translate(${this.at[0]}px, ${this.at[1]}px)`;
    this.#send("pointermove");
    return true;
  }

  /** @param {number} right @param {number} down */
  #pan(right, down) {
    const view = this.map.getView();
    const [x, y] = view.getCenter() ?? [0, 0];
    const resolution = view.getResolution() ?? 1;
    view.setCenter([x + right * resolution, y - down * resolution]);
  }

  /** @param {string} type @param {boolean} [shiftKey] */
  #send(type, shiftKey = false) {
    const { left, top } = this.element.getBoundingClientRect();
    // Events rise to the page, where the library listens while something is held.
    this.map.getViewport()?.dispatchEvent(
      new PointerEvent(type, {
        bubbles: true,
        cancelable: true,
        pointerId: 9001,
        pointerType: "mouse",
        isPrimary: true,
        button: type === "pointermove" ? -1 : 0,
        buttons: this.holds || type === "pointerdown" ? 1 : 0,
        clientX: left + this.at[0],
        clientY: top + this.at[1],
        shiftKey,
      }),
    );
  }
}
