// How values go over from one to the next.

export const between = (from, to, share) => from + share * (to - from);
