/** What every answer says to the browser: nothing from elsewhere, nothing inside another page, nothing kept. No CORS, no cookies. */

/** `host` is one of our own names, which the guard has let through. */
export const headersOf = (host: string | undefined): { readonly [name: string]: string } => {
  // 'self' covers the WebSocket in new browsers only; a name in brackets cannot be said in a policy
  const socket = host === undefined || host.startsWith("[") ? "" : ` ws://${host} wss://${host}`
  return {
    "content-security-policy": [
      "default-src 'self'",
      `connect-src 'self'${socket}`,
      "img-src 'self' data:",
      "object-src 'none'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'"
    ].join("; "),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store"
  }
}
