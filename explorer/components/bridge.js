// Ties one page of the app to its controller in the runtime: data down, what a person picks up.
export default function (component) {
  door().promise.then((explorer) => explorer.bridge(component));
  return () => door().promise.then((explorer) => explorer.unmount(component.parentElement));
}
