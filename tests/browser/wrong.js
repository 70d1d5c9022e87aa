// What is wrong with how a widget fills its frame: that it scrolls, that a line is cut through, that
// nothing of it can be seen.
(() => {
  const root = document.scrollingElement, found = [];
  if (root.scrollHeight > root.clientHeight)
    found.push(`scrolls: ${root.scrollHeight} of ${root.clientHeight}`);
  if (root.scrollWidth > root.clientWidth)
    found.push(`scrolls sideways: ${root.scrollWidth} of ${root.clientWidth}`);
  const footer = document.querySelector("footer").getBoundingClientRect();
  const middle = innerWidth / 2;  // where the foot is dropped, it stands to one side
  const floor = footer.left < middle && footer.right > middle ? footer.top : innerHeight;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement, range = new Range();
    if (!node.data.trim() || parent.closest(".leave-empty")) continue;
    range.selectNodeContents(node);
    const size = parseFloat(getComputedStyle(parent).fontSize);
    for (const { left, right, top: above, bottom: below, width, height } of range.getClientRects()) {
      if (!width || !height) continue;
      // some fonts are higher than the line they stand in: what counts is an em in its middle
      const centre = (above + below) / 2, half = Math.min(height, size) / 2;
      const box = { left, right, top: centre - half, bottom: centre + half, height: 2 * half };
      const view = {
        top: 0, left: 0, right: innerWidth,
        bottom: parent.closest("footer") ? innerHeight : floor,
      };
      for (let outer = parent; outer !== document.body; outer = outer.parentElement) {
        if (getComputedStyle(outer).overflowY === "visible") continue;
        const limit = outer.getBoundingClientRect();
        view.top = Math.max(view.top, limit.top);
        view.bottom = Math.min(view.bottom, limit.bottom);
        view.left = Math.max(view.left, limit.left);
        view.right = Math.min(view.right, limit.right);
      }
      if (Math.min(box.right, view.right) - Math.max(box.left, view.left) < 1) continue;
      const tall = Math.min(box.bottom, view.bottom) - Math.max(box.top, view.top);
      const share = tall / box.height;
      if (share > 0.1 && share < 0.9)
        found.push(`cut, ${Math.round(share * 100)} % of: ${node.data.trim().slice(0, 30)}`);
      if (share >= 0.9) seen += 1;
    }
  }
  if (!seen) found.push("nothing can be seen");
  return found;
})()
