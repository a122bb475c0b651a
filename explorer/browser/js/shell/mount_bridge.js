// Ties one page of the app to its controller in the runtime: data down, what a person picks up. What a component returns
// Streamlit calls at its end, but also when newer data overtake older ones: so this returns nothing, and the runtime looks.

import { door } from "./door.js";
export default function (component) {
  door().promise.then((explorer) => explorer.bridge(component));
}
