import type { ComponentChildren } from 'preact';
import { type Address, goTo, pathOf } from '../address.ts';

/** A link that the page follows itself; with a modifier or another button it is the browser's. */
export function Link(props: {
  readonly to: Address;
  readonly class?: string;
  readonly children: ComponentChildren;
}) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) {
      return;
    }
    event.preventDefault();
    goTo(props.to);
  };
  return (
    <a href={pathOf(props.to)} class={props.class ?? ''} onClick={follow}>
      {props.children}
    </a>
  );
}
