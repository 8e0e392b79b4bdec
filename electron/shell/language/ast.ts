/** What the parser makes of a script: the grammar of POSIX 1003.1 (Shell Command Language) with bash's additions. */
export interface Word {
  parts: Part[]
  line: number
  /** As written; empty in words that no person wrote. */
  source?: string
}

export type Part =
  | { kind: 'literal'; text: string }
  /** '…', $'…' or an escaped character. */
  | { kind: 'quoted'; text: string }
  | { kind: 'double'; parts: Part[] }
  | ParameterPart
  | { kind: 'command'; script: List }
  | { kind: 'arithmetic'; expression: Word }
  | { kind: 'process'; direction: '<' | '>'; script: List }

export interface ParameterPart {
  kind: 'parameter'
  name: string
  index?: Word
  /** ${!name} */
  indirect?: boolean
  /** ${#name} */
  length?: boolean
  /** ${!prefix*}, ${!prefix@}; ${!name[@]} has index and `keys`. */
  names?: '*' | '@'
  keys?: boolean
  /** :- - := = :? ? :+ + # ## % %% / // /# /% : ^ ^^ , ,, @ */
  operator?: string
  argument?: Word
  second?: Word
  /** As written, for messages. */
  source: string
}

export interface Redirect {
  fd?: number
  /** {name}>…: the shell chooses a descriptor and puts its number there. */
  variable?: string
  operator: '<' | '>' | '>>' | '>|' | '<>' | '<&' | '>&' | '&>' | '&>>' | '<<' | '<<-' | '<<<'
  target: Word
  /** Here-documents: the body comes with the next newline. */
  body?: Word
  bodySource?: string
}

export interface Assignment {
  name: string
  index?: Word
  append: boolean
  value?: Word
  array?: { index?: Word; value: Word }[]
  source?: string
}

export interface Simple {
  kind: 'simple'
  assignments: Assignment[]
  words: (Word | DeclarationArgument)[]
  redirects: Redirect[]
  line: number
  source: string
}

/** `export A=…`, `local a=(…)`: an argument that is an assignment. */
export interface DeclarationArgument {
  assignment: Assignment
  line: number
}

export interface Pipeline { kind: 'pipeline'; commands: Command[]; negated: boolean; timed: false | 'bash' | 'posix'; errorsToo: boolean[]; line: number; source: string }
export interface AndOr { kind: 'and-or'; first: Command; rest: { operator: '&&' | '||'; command: Command }[] }
export interface List { kind: 'list'; items: { command: Command; background: boolean; source: string }[] }

interface Compound { redirects: Redirect[]; line: number; source: string }
export interface If extends Compound { kind: 'if'; branches: { condition: List; body: List }[]; otherwise?: List }
export interface For extends Compound { kind: 'for'; name: string; words?: Word[]; body: List }
export interface Select extends Compound { kind: 'select'; name: string; words?: Word[]; body: List }
export interface ArithmeticFor extends Compound { kind: 'arithmetic-for'; init: Word; test: Word; step: Word; body: List }
export interface While extends Compound { kind: 'while'; until: boolean; condition: List; body: List }
export interface Case extends Compound { kind: 'case'; word: Word; items: { patterns: Word[]; body: List; end: ';;' | ';&' | ';;&' }[] }
export interface Group extends Compound { kind: 'group'; body: List }
export interface Subshell extends Compound { kind: 'subshell'; body: List }
export interface Coprocess { kind: 'coprocess'; name: string; command: Command; line: number; source: string }
export interface FunctionDefinition { kind: 'function'; name: string; body: Command; line: number; source: string; file?: string }
export interface Conditional extends Compound { kind: 'conditional'; expression: Condition }
export interface Arithmetic extends Compound { kind: 'arithmetic'; expression: Word }

export type Condition =
  | { kind: 'unary'; operator: string; operand: Word }
  | { kind: 'binary'; operator: string; left: Word; right: Word }
  | { kind: 'not'; operand: Condition }
  | { kind: 'and' | 'or'; left: Condition; right: Condition }

export type Command =
  | Simple | Pipeline | AndOr | List | If | For | Select | ArithmeticFor | While | Case | Group | Subshell | Coprocess | FunctionDefinition | Conditional | Arithmetic

export class ParseError extends Error {
  readonly line: number
  /** More input could mend it: an interactive shell asks for another line. */
  readonly incomplete: boolean
  /** The offending line is shown below "syntax error near unexpected token". */
  readonly showLine: boolean
  /** Inside [[ … ]]: the script ends there, and $? stays. */
  readonly conditional: boolean

  constructor(message: string, line: number, options: { incomplete?: boolean; showLine?: boolean; conditional?: boolean } = {}) {
    super(message)
    this.line = line
    this.incomplete = options.incomplete ?? false
    this.showLine = options.showLine ?? false
    this.conditional = options.conditional ?? false
  }
}
