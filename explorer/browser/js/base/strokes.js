// One path drawn with several pens, one over the other: a wide one in the paper's colour sets a line off from what is below.

// pens: [colour, width] of each, the lowest first.
export function strokeEach(context, pens) {
  for (const [colour, width] of pens) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }
}
