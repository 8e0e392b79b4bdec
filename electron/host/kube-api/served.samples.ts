import { readFileSync } from 'node:fs'
import { Agent, request as httpsRequest } from 'node:https'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { parse } from 'yaml'
import { Desk, eventually } from '../session/desk.samples.ts'
import { serveKubeApi, type KubeApiServer } from './server.ts'

/** Whatever came as JSON: a test looks into it as it likes. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Loose = any

export interface Answer { status: number; headers: IncomingHttpHeaders; body: Buffer; text: string; json: Loose }

export interface RequestOptions {
  method?: string
  headers?: Record<string, string>
  body?: string | Uint8Array
  agent?: Agent
}

/** A desk whose cluster is served to real clients, and such a client with the kubeconfig's certificate and token. */
export class Served {
  readonly desk: Desk
  server!: KubeApiServer
  ca = ''
  token = ''

  constructor(options: ConstructorParameters<typeof Desk>[0] = {}) {
    this.desk = new Desk(options)
  }

  async start(): Promise<this> {
    await this.desk.session.open(null)
    this.server = await serveKubeApi({ api: () => this.desk.session.kubeApi, folder: this.desk.folder })
    const config = parse(readFileSync(this.server.kubeconfig, 'utf8')) as { clusters: { cluster: Record<string, string> }[]; users: { user: { token: string } }[] }
    this.ca = Buffer.from(config.clusters[0]!.cluster['certificate-authority-data']!, 'base64').toString()
    this.token = config.users[0]!.user.token
    return this
  }

  async close(): Promise<void> {
    await this.server.close()
    this.desk.close()
  }

  get port(): number {
    return Number(new URL(this.server.url).port)
  }

  get headers(): Record<string, string> {
    return { Authorization: `Bearer ${this.token}` }
  }

  /** Requests, sessions and connections that the world has under way for clients. */
  get open(): number {
    return this.desk.session.kubeApi!.open
  }

  /** Virtual time hurries, by so many ms a step, until it holds. */
  until(holds: () => boolean, step = 100): Promise<void> {
    return eventually(holds, () => (this.desk.session.input({ kind: 'time', advance: step }), 'what the test waits for'))
  }

  /** The response as soon as its head is there. */
  begin(path: string, { method = 'GET', headers = {}, body, agent }: RequestOptions = {}): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest(`${this.server.url}${path}`, { method, ca: this.ca, agent: agent ?? false, ...(headers['Host'] === undefined ? {} : { servername: 'localhost' }), headers: { ...this.headers, ...headers } }, resolve)
      request.on('error', reject)
      request.end(body)
    })
  }

  async ask(path: string, options: RequestOptions = {}): Promise<Answer> {
    const response = await this.begin(path, options)
    const body = await whole(response)
    const text = body.toString()
    return {
      status: response.statusCode!, headers: response.headers, body, text,
      get json() {
        return JSON.parse(text) as Loose
      },
    }
  }

  send(method: string, path: string, object: object, headers: Record<string, string> = {}): Promise<Answer> {
    return this.ask(path, { method, body: JSON.stringify(object), headers: { 'Content-Type': 'application/json', ...headers } })
  }
}

export function whole(response: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    response.on('data', (data: Buffer) => parts.push(data)).on('error', reject).on('end', () => resolve(Buffer.concat(parts)))
  })
}

/** What has come of an answer that goes on, line by line. */
export class Lines {
  text = ''
  ended = false
  readonly response: IncomingMessage

  constructor(response: IncomingMessage) {
    this.response = response
    response.on('data', (data: Buffer) => (this.text += data.toString())).on('end', () => (this.ended = true)).on('error', () => (this.ended = true))
  }

  get lines(): string[] {
    return this.text.split('\n').filter((line) => line !== '')
  }

  get events(): Loose[] {
    return this.lines.map((line) => JSON.parse(line) as unknown)
  }

  /** The client is gone without a word. */
  tear(): void {
    this.response.socket.destroy()
  }
}
