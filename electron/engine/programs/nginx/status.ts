/** What ngx_http_stub_status_module counts. */
export interface Load {
  readonly accepted: number
  readonly active: number
  requests: number
  /** Requests that are being answered. */
  writing: number
}

export const IDLE: Load = { accepted: 0, active: 0, requests: 0, writing: 0 }

export function statusPage({ accepted, active, requests, writing }: Load): string {
  return `Active connections: ${active} \nserver accepts handled requests\n ${accepted} ${accepted} ${requests} \nReading: 0 Writing: ${writing} Waiting: ${active - writing} \n`
}
