// What scatter.js draws: each adds itself to a path, at a place and with a radius in pixels.
Scatter.star = (path, x, y, r) => {
  for (let n = 0; n < 10; n++) {
    const [angle, far] = [Math.PI * n / 5, n % 2 ? r * 0.45 : r];
    path[n ? "lineTo" : "moveTo"](x + far * Math.sin(angle), y - far * Math.cos(angle));
  }
  path.closePath();
};
Scatter.shapes = [
  (path, x, y, r) => { path.moveTo(x + r, y); path.arc(x, y, r, 0, 7); },
  (path, x, y, r) => path.rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8),
  (path, x, y, r) => { path.moveTo(x, y - r * 1.2); path.lineTo(x + r * 1.1, y + r * 0.8); path.lineTo(x - r * 1.1, y + r * 0.8); path.closePath(); },
  (path, x, y, r) => { path.moveTo(x, y - r * 1.3); path.lineTo(x + r * 1.1, y); path.lineTo(x, y + r * 1.3); path.lineTo(x - r * 1.1, y); path.closePath(); },
];
