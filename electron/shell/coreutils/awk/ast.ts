/** awk(1p): what the parser makes of a program. */
export type Expression =
  | { kind: 'number'; value: number }
  | { kind: 'string'; value: string }
  | { kind: 'regex'; source: string }
  | { kind: 'variable'; name: string }
  | { kind: 'field'; index: Expression }
  | { kind: 'element'; name: string; index: Expression[] }
  | { kind: 'assign'; operator: string; target: Expression; value: Expression }
  | { kind: 'conditional'; test: Expression; yes: Expression; no: Expression }
  | { kind: 'binary'; operator: string; left: Expression; right: Expression }
  | { kind: 'match'; negated: boolean; left: Expression; right: Expression }
  | { kind: 'unary'; operator: string; operand: Expression }
  | { kind: 'step'; operator: '++' | '--'; prefix: boolean; target: Expression }
  | { kind: 'in'; name: string; index: Expression[] }
  | { kind: 'call'; name: string; args: Expression[]; user: boolean }
  | { kind: 'getline'; target?: Expression; file?: Expression; command?: Expression }
  | { kind: 'group'; inner: Expression[] }

export type Statement =
  | { kind: 'expression'; value: Expression }
  | { kind: 'print'; formatted: boolean; args: Expression[]; redirect?: { operator: '>' | '>>' | '|'; target: Expression } }
  | { kind: 'if'; test: Expression; yes: Statement; no?: Statement }
  | { kind: 'while'; test: Expression; body: Statement }
  | { kind: 'do'; test: Expression; body: Statement }
  | { kind: 'for'; init?: Statement; test?: Expression; step?: Statement; body: Statement }
  | { kind: 'for-in'; variable: string; array: string; body: Statement }
  | { kind: 'block'; body: Statement[] }
  | { kind: 'next' | 'nextfile' | 'break' | 'continue' }
  | { kind: 'exit' | 'return'; value?: Expression }
  | { kind: 'delete'; name: string; index?: Expression[] }

export interface Rule {
  pattern?: Expression | 'BEGIN' | 'END' | [Expression, Expression]
  body?: Statement
}

export interface AwkFunction { parameters: string[]; body: Statement }

export interface AwkProgram { rules: Rule[]; functions: Map<string, AwkFunction> }
