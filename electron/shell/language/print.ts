import type { Command, Condition, DeclarationArgument, FunctionDefinition, List, Redirect, Word } from './ast.ts'

const STEP = 4

/** A function as `declare -f` and `type` show it (bash's print_cmd.c: four spaces a level, one command a line). */
export function printFunction(definition: FunctionDefinition): string {
  return new Printer(true).definition(definition, '')
}

/** A command on the lines that `jobs`, $BASH_COMMAND and messages of killed programs show. */
export function printCommand(command: Command): string {
  const printer = new Printer(false)
  printer.command(command)
  return printer.text.replace(/\n$/, '')
}

function printCondition(condition: Condition): string {
  switch (condition.kind) {
    case 'not':
      return `! ${printCondition(condition.operand)}`
    case 'and':
    case 'or':
      return `${printCondition(condition.left)} ${condition.kind === 'and' ? '&&' : '||'} ${printCondition(condition.right)}`
    case 'unary':
      return `${condition.operator} ${wordText(condition.operand)}`
    case 'binary':
      return `${wordText(condition.left)} ${condition.operator} ${wordText(condition.right)}`
  }
}

export function wordText(word: Word | DeclarationArgument): string {
  return 'assignment' in word ? (word.assignment.source ?? word.assignment.name) : (word.source ?? '')
}

class Printer {
  text = ''
  #indent = 0
  /** Inside a function every command has its line; outside, a list is one line. */
  #inFunction: boolean
  #skip = false
  #documents: Redirect[] = []
  #afterDocument = false

  constructor(inFunction: boolean) {
    this.#inFunction = inFunction
  }

  definition(definition: FunctionDefinition, keyword: string): string {
    const { body } = definition
    const inner = new Printer(true)
    inner.#indent = this.#indent + STEP
    if (body.kind === 'group') inner.#list(body.body)
    else inner.command(body)
    inner.#flush('')
    const redirects = body.kind === 'group' ? body.redirects.map((r) => ' ' + redirectText(r)).join('') : ''
    const space = ' '.repeat(this.#indent)
    return `${keyword}${definition.name} () \n${space}{ \n${inner.text}\n${space}}${redirects}`
  }

  command(command: Command): void {
    if (this.#skip) this.#skip = false
    else this.text += ' '.repeat(this.#inFunction || this.text.endsWith('\n') ? this.#indent : 0)
    this.#print(command)
    if ('redirects' in command && command.kind !== 'simple') this.#redirects(command.redirects)
  }

  #print(command: Command): void {
    switch (command.kind) {
      case 'simple': {
        this.text += [...command.assignments.map((a) => a.source ?? a.name), ...command.words.map(wordText)].join(' ')
        this.#redirects(command.redirects, command.words.length + command.assignments.length === 0)
        return
      }
      case 'pipeline':
        if (command.timed) this.text += command.timed === 'posix' ? 'time -p ' : 'time '
        if (command.negated) this.text += '! '
        command.commands.forEach((c, i) => {
          if (i > 0) this.#flush(command.errorsToo[i - 1] ? ' 2>&1 | ' : ' | ')
          this.#skip = true
          this.command(c)
        })
        return
      case 'and-or':
        this.#skip = true
        this.command(command.first)
        for (const { operator, command: next } of command.rest) {
          this.#flush(` ${operator} `)
          this.#skip = true
          this.command(next)
        }
        return
      case 'list':
        this.#skip = true
        return this.#list(command)
      case 'group':
        this.text += '{ '
        if (this.#inFunction) {
          this.text += '\n'
          this.#indent += STEP
        } else this.#skip = true
        this.#list(command.body)
        this.#flush('')
        if (this.#inFunction) {
          this.#indent -= STEP
          this.text += '\n' + ' '.repeat(this.#indent)
        } else {
          this.#semicolon()
          this.text += ' '
        }
        this.text += '}'
        return
      case 'subshell':
        this.text += '( '
        this.#skip = true
        this.#list(command.body)
        this.#flush('')
        this.text += ' )'
        return
      case 'if':
        command.branches.forEach((branch, i) => {
          this.text += i === 0 ? 'if ' : ' '.repeat(this.#indent) + 'if '
          this.#skip = true
          this.#list(branch.condition)
          this.#semicolon()
          this.text += ' then\n'
          this.#indented(branch.body)
          const more = i < command.branches.length - 1 || command.otherwise
          this.#semicolon()
          if (!more) return
          this.#newline('else\n')
          this.#indent += STEP
          if (i === command.branches.length - 1) {
            this.#list(command.otherwise!)
            this.#indent -= STEP
            this.#semicolon()
          }
        })
        for (let i = command.branches.length - 1; i >= 0; i--) {
          this.#newline('fi')
          if (i > 0) {
            this.#indent -= STEP
            this.#semicolon()
          }
        }
        return
      case 'while':
        this.text += command.until ? 'until ' : 'while '
        this.#skip = true
        this.#list(command.condition)
        this.#semicolon()
        this.text += ' do\n'
        this.#indented(command.body)
        this.#semicolon()
        return this.#newline('done')
      case 'for':
      case 'select':
        this.text += `${command.kind} ${command.name} in ${command.words ? command.words.map(wordText).join(' ') : '"$@"'};`
        this.#newline('do\n')
        this.#indented(command.body)
        this.#semicolon()
        return this.#newline('done')
      case 'arithmetic-for':
        this.text += `for ((${[command.init, command.test, command.step].map((w) => wordText(w).trimStart() || '1').join('; ')}))`
        this.#newline('do\n')
        this.#indented(command.body)
        this.#semicolon()
        return this.#newline('done')
      case 'case':
        this.text += `case ${wordText(command.word)} in `
        this.#indent += STEP
        for (const item of command.items) {
          this.#newline(`${item.patterns.map(wordText).join(' | ')})\n`)
          this.#indented(item.body)
          this.#newline(item.end)
        }
        this.#indent -= STEP
        return this.#newline('esac')
      case 'conditional':
        this.text += `[[ ${printCondition(command.expression)} ]]`
        return
      case 'arithmetic':
        this.text += `((${wordText(command.expression)}))`
        return
      case 'coprocess':
        this.text += `coproc ${command.name} `
        this.#skip = true
        return this.command(command.command)
      case 'function':
        this.text += this.definition(command, 'function ')
    }
  }

  #list(list: List): void {
    list.items.forEach((item, i) => {
      this.command(item.command)
      const last = i === list.items.length - 1
      if (item.background) {
        this.#flush(last ? ' &' : ' & ')
        if (!last) this.#skip = true
      } else if (!last) {
        if (this.#documents.length > 0) this.#flush(this.#inFunction ? '' : ';')
        else if (!this.#afterDocument) this.text += ';'
        this.#afterDocument = false
        if (this.#inFunction) this.text += '\n'
        else {
          this.text += ' '
          this.#skip = true
        }
      }
    })
  }

  #indented(list: List): void {
    this.#indent += STEP
    this.#list(list)
    this.#indent -= STEP
    this.#flush('')
  }

  #semicolon(): void {
    if (!/[&\n]$/.test(this.text)) this.text += ';'
  }

  #newline(text: string): void {
    this.text += '\n' + ' '.repeat(this.#indent) + text
  }

  #redirects(redirects: readonly Redirect[], first = false): void {
    redirects.forEach((redirect, i) => {
      this.text += (first && i === 0 ? '' : ' ') + redirectText(redirect)
      if (redirect.operator === '<<' || redirect.operator === '<<-') this.#documents.push(redirect)
    })
  }

  /** Here-documents' bodies stand after the line's last operator. */
  #flush(operator: string): void {
    this.text += operator
    for (const redirect of this.#documents) {
      this.text = this.text.replace(/ +$/, '')
      this.text += `\n${redirect.bodySource ?? ''}${delimiter(redirect)}\n`
      this.#afterDocument = true
    }
    this.#documents = []
  }
}

function delimiter(redirect: Redirect): string {
  return wordText(redirect.target).replace(/\\(.)/g, '$1').replace(/^(['"])(.*)\1$/s, '$2')
}

function redirectText(redirect: Redirect): string {
  const { operator } = redirect
  const target = wordText(redirect.target)
  const defaultFd = operator.startsWith('<') ? 0 : 1
  const fd = redirect.variable ? `{${redirect.variable}}` : redirect.fd === undefined || redirect.fd === defaultFd ? '' : String(redirect.fd)
  switch (operator) {
    case '<<':
    case '<<-':
      return `${fd}${operator}${/['"\\]/.test(target) ? `'${delimiter(redirect)}'` : target}`
    case '>&':
    case '<&':
      if (redirect.fd === undefined && !redirect.variable && operator === '>&' && !/^(\d+-?|-|\$.*)$/.test(target)) return `&> ${target}`
      return `${redirect.variable || !/^\d|^-/.test(target) ? fd : (redirect.fd ?? defaultFd)}${operator}${target}`
    case '&>':
    case '&>>':
      return `${operator} ${target}`
    default:
      return `${fd}${operator} ${target}`
  }
}
