// What the browser tests and the measurements read of a page, in one place. The app itself reads nothing of it.

export const probe = { frames: 0, picks: 0 }; // how often something was drawn, and how often clicked

globalThis.latentExplorer = probe;

// Let tests read more.
export const reveal = (more) => Object.assign(probe, more);
