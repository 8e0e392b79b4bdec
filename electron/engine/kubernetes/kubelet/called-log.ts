import { Utf8Decoder } from '../../text.ts'
import type { LogSink, StatusError } from '../client.ts'
import { badRequest, failure, internalFailure } from '../status.ts'
import { callKubelet, kubeletUrl, type Caller } from './call.ts'

/** A log that is asked of a kubelet: told until the kubelet has ended it, or the call is over. */
export class CalledLog {
  readonly #sink: LogSink
  readonly #decoder = new Utf8Decoder()
  #hangUp: () => void = () => undefined
  #status = 200
  #text = ''
  #over = false

  constructor(sink: LogSink) {
    this.#sink = sink
  }

  begin(caller: Caller, address: string, target: string): () => void {
    const call = callKubelet(caller, address, { method: 'GET', target }, {
      onAnswer: (status) => {
        this.#status = status
        if (status === 200) this.#sink.onOpen?.()
      },
      onBody: (data) => this.#lines(this.#text + this.#decoder.push(data)),
      onFailure: (why) => this.#refuse(internalFailure(`Get "${kubeletUrl(address, target)}": ${why}`)),
      onOver: () => this.#end(),
    })
    this.#hangUp = () => call.hangUp()
    return () => void this.#finish()
  }

  #lines(text: string): void {
    if (this.#status !== 200) return void (this.#text = text)
    const lines = text.split('\n')
    this.#text = lines.pop()!
    for (const line of lines) if (!this.#over) this.#sink.onLine(line)
  }

  #end(): void {
    if (this.#status !== 200) return this.#refuse(refusal(this.#status, this.#text))
    // cut off in the middle of a line
    if (this.#text !== '' && !this.#over) this.#sink.onLine(this.#text)
    if (this.#finish()) this.#sink.onEnd()
  }

  #refuse(error: StatusError): void {
    if (!this.#finish()) return
    if (this.#sink.onRefused) this.#sink.onRefused(error)
    else this.#sink.onEnd(error.message)
  }

  #finish(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#hangUp()
    return true
  }
}

/** genericregistry.NewGenericHttpResponseChecker: what the kubelet says, as an error of the API's. */
function refusal(status: number, text: string): StatusError {
  return status === 400 ? badRequest(text) : status === 500 ? internalFailure(text) : failure(status, status === 404 ? 'NotFound' : status === 401 ? 'Unauthorized' : status === 403 ? 'Forbidden' : '', text)
}
