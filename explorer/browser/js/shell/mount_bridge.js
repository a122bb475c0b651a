// Ties one page of the app to its controller in the runtime: data go down, picks go up. Streamlit calls what a component
// returns at its end, but also when newer data overtake older ones. So this returns nothing; the runtime watches instead.

import { door } from "./door.js";
export default function (component) {
  door().promise.then((explorer) => explorer.bridge(component));
}
