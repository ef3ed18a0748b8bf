export {WarehouseError} from './base/error.ts';
