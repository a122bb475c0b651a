// The paths that the browser finds by itself: the line and the arc from one code to another.

export const PATH_POINTS = 121; // as in points.py

const partWay = (z0, z1, t) => z0.map((value, axis) => (1 - t) * value + t * z1[axis]);

// As `vae.interpolation`: the direction turns evenly, the norm changes linearly. Opposite directions go by way of an axis.
export function along(kind, z0, z1) {
  const [r0, r1] = [Math.hypot(...z0), Math.hypot(...z1)];
  const turn = Math.atan2(z0[0] * z1[1] - z0[1] * z1[0], z0[0] * z1[0] + z0[1] * z1[1]);
  let [start, angle] = [Math.atan2(z0[1], z0[0]), turn];
  if (Math.abs(Math.sin(turn)) < 1e-6 && Math.abs(turn) > 1) {
    const flat = Math.abs(z0[1]) < Math.abs(z0[0]); // then the axis that is most nearly perpendicular is the second
    angle = (flat ? z0[0] > 0 : z0[1] < 0) ? Math.PI : -Math.PI;
  }
  const straight = kind !== "arc" || r0 === 0 || r1 === 0 || Math.abs(angle) < 1e-6;
  return Array.from({ length: PATH_POINTS }, (_, i) => {
    const t = i / (PATH_POINTS - 1);
    if (straight || i === 0 || i === PATH_POINTS - 1) return partWay(z0, z1, t);
    const radius = (1 - t) * r0 + t * r1;
    return [radius * Math.cos(start + t * angle), radius * Math.sin(start + t * angle)];
  });
}
