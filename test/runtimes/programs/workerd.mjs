// For Cloudflare Workers.
import { answer } from './request.mjs';

export default { fetch: answer };
