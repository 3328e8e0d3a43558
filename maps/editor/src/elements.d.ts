/** What an element may hold: nodes and text, nested as they come; nothing where there is nothing. */
export type Child = Node | string | number | null | undefined | false | Child[];
