// The little of a library that this page needs.

export const byId = (id) => document.getElementById(id);

/** An element with attributes and children; text is always text, never HTML. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Change text only where it differs, so that nothing flickers and selections stay. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function mark(node, name, value) {
  if (value == null) delete node.dataset[name];
  else if (node.dataset[name] !== value) node.dataset[name] = value;
}

/**
 * Make the children of `parent` those of `items`, in order. A child is kept while its key and its
 * text stay; so focus, selection and screen readers are left alone. Answers with the new ones.
 */
export function list(parent, items, keyOf, make) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const fresh = [];
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    const face = JSON.stringify(item);
    let child = known.get(key);
    if (!child || child.face !== face) {
      const made = make(item);
      made.dataset.key = key;
      made.face = face;
      if (child) {
        if (child === place) place = made;
        child.replaceWith(made);
      } else {
        fresh.push(made);
      }
      child = made;
    }
    known.delete(key);
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  for (const gone of known.values()) gone.remove();
  return fresh;
}
