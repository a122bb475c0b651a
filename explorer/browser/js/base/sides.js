// The sides of a page that compares models, and the places of the maps, which are three.

export const SIDES = ["left", "right"];
export const PLACES = ["left", "middle", "right"];
