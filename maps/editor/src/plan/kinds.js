// How subjects of a kind look: dark and different in shape, so that colour is not needed to tell them apart.
export const KIND_MARKS = /** @type {const} */ ({
  household: { color: "#08519c", points: 0 },
  business: { color: "#d95f02", points: 4 },
  institution: { color: "#1b9e77", points: 3 },
});
