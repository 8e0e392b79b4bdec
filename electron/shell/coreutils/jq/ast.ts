/** jq 1.6's language: what the parser makes of a filter. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export type Filter =
  | { kind: 'identity' | 'recurse' }
  | { kind: 'field'; target: Filter; name: Filter; optional: boolean }
  | { kind: 'slice'; target: Filter; from?: Filter; to?: Filter; optional: boolean }
  | { kind: 'iterate'; target: Filter; optional: boolean }
  | { kind: 'literal'; value: Json }
  | { kind: 'string'; parts: (string | Filter)[]; format?: string }
  | { kind: 'format'; name: string }
  | { kind: 'array'; items?: Filter }
  | { kind: 'object'; entries: { key: Filter; value: Filter }[] }
  | { kind: 'pipe' | 'comma' | 'alternative'; left: Filter; right: Filter }
  | { kind: 'and' | 'or'; left: Filter; right: Filter }
  | { kind: 'binary'; operator: string; left: Filter; right: Filter }
  | { kind: 'negate'; operand: Filter }
  | { kind: 'update'; operator: string; path: Filter; value: Filter }
  | { kind: 'if'; test: Filter; yes: Filter; no?: Filter }
  | { kind: 'try'; body: Filter; handler?: Filter }
  | { kind: 'reduce'; source: Filter; pattern: Pattern; init: Filter; update: Filter }
  | { kind: 'foreach'; source: Filter; pattern: Pattern; init: Filter; update: Filter; extract?: Filter }
  | { kind: 'bind'; source: Filter; pattern: Pattern; body: Filter }
  | { kind: 'variable'; name: string }
  | { kind: 'call'; name: string; args: Filter[] }
  | { kind: 'define'; name: string; parameters: string[]; body: Filter; rest: Filter }

export type Pattern = { name: string } | { items: Pattern[] } | { entries: { key: Filter; pattern: Pattern }[] }
