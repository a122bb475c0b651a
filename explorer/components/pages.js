// The controllers by the names that bridges call them by; each puts itself here.

const pages = {};
